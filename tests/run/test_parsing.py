"""The config reader's long messages in one line, with the key, and with the keys there are."""

import pytest

from lit_embed.errors import UserError
from lit_embed.run.parsing import check_yaml, config_files, one_line

NESTED = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'pytorch_lightning.core.module.LightningModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'lit_embed.modules.BiEncoder':
        Parser key "encoder":
          Problem with given class_path 'lit_embed.models.TextEncoder':
            {reason}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_path': 'lit_embed.modules.BiEncoder'}}"""


@pytest.mark.parametrize(("message", "line"), [
    (NESTED.format(reason="Option 'poling' is not accepted"),
     "model.encoder: unknown key 'poling', did you mean 'pooling'?"),
    (NESTED.format(reason="Parser key \"max_length\":\n              Expected a <class 'int'>. Got value: long"),
     "model.encoder.max_length: Expected a int. Got value: long"),
    ("Subcommand 'fit' does not accept option 'dataa.path'", "unknown key 'dataa.path'"),
    ("unrecognized arguments: --trainer.max_stepss 3", "unrecognized arguments: --trainer.max_stepss 3")])
def test_one_line_names_the_key(message, line):
    assert one_line(message) == line


def test_where_no_key_is_close_all_are_listed():
    said = one_line(NESTED.format(reason="Option 'zzz' is not accepted"))
    assert "TextEncoder has backbone, pooling" in said


def test_configs_on_a_command_line():
    assert config_files(["fit", "--config", "a.yaml", "-c", "b.yaml", "--x", "1", "--config=c.yaml"]) == [
        "a.yaml", "b.yaml", "c.yaml"]


def test_broken_yaml_is_named_with_its_line(tmp_path):
    (tmp_path / "a.yaml").write_text("seed_everything: 1\nmodel: [1,\n")
    with pytest.raises(UserError, match="a.yaml, line 3 is not YAML"):
        check_yaml(str(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="b.yaml"):
        check_yaml(str(tmp_path / "b.yaml"))
