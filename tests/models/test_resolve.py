"""A folder, a package's folder, a Hub id: and a clear line for what is none of them."""

import pytest

from lit_embed.errors import UserError
from lit_embed.models.resolve import resolve


def test_a_folder_and_a_hub_id_stay_what_they_are(tmp_path):
    assert resolve(str(tmp_path)) == str(tmp_path)
    assert resolve("bert-base-uncased") == "bert-base-uncased"
    assert resolve("klue/roberta-base") == "klue/roberta-base"


def test_a_folder_inside_an_installed_package_is_found_without_importing_it():
    assert resolve("package:lit_embed/models").endswith("lit_embed/models")


@pytest.mark.parametrize("backbone, says", [("package:no_such_package/model", "not installed"),
                                            ("package:lit_embed/nothing", "no folder nothing"),
                                            ("./missing", "no such folder"), ("/a/b/c", "no such folder")])
def test_a_wrong_place_is_named(backbone, says):
    with pytest.raises(UserError, match=says):
        resolve(backbone)


def test_a_file_is_not_a_backbone(tmp_path):
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match="is a file"):
        resolve(str(tmp_path / "model.bin"))
