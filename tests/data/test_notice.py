import logging

from lit_embed.data.notice import notice


def test_the_same_message_is_said_once(caplog):
    with caplog.at_level(logging.INFO):
        notice("3 rows left out of test_notice")
        notice("3 rows left out of test_notice")
    assert [record.message for record in caplog.records] == ["3 rows left out of test_notice"]
