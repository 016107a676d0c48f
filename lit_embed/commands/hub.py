"""A folder to the Hugging Face Hub: the one place that uploads anything."""

import re
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from lit_embed.errors import UserError, first_line

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def refuse_without_hub(repository: str | None) -> None:
    """
    Raises
        UserError   no name to upload to, offline mode, or nobody logged in: better before the work than after it
    """
    if repository is None or not REPOSITORY.fullmatch(repository):
        raise UserError("--to hub takes --repo NAME/MODEL" + (f", not {repository}" if repository else ""))
    if constants.HF_HUB_OFFLINE:
        raise UserError("--to hub: HF_HUB_OFFLINE is set, so nothing can be uploaded; unset it")
    if get_token() is None:
        raise UserError("--to hub: nobody is logged in to the Hugging Face Hub; `hf auth login`, or set HF_TOKEN")


def upload(folder: Path, repository: str, private: bool = False) -> str:
    """Create the repository where it is not there, and commit the folder to it; where it can be looked at.

    Raises
        UserError   the Hub refuses, or cannot be reached
    """
    hub = HfApi()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(folder_path=folder, repo_id=repository, commit_message="Model exported by lit_embed")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise UserError(f"--repo {repository}: the Hub did not take the model ({first_line(error)})") from error
    return f"uploaded: {commit.commit_url}"
