"""What can be asked of `lit-embed serve`: how much it takes on, and whom it lets in."""

import argparse
from ipaddress import ip_address

from lit_embed.commands.open_model import add_precision, device_here
from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser
from lit_embed.serving import Guard, Limits
from lit_embed.serving.guard import LOOPBACK

TOKEN = "LIT_EMBED_TOKEN"       # a variable, since whoever shares the machine sees what is typed on a command line
ON_GPU = 65_536                 # tokens of a batch
LEAST = {"max_texts": 1, "max_body_mb": 1, "max_requests": 1, "batch_tokens": 1, "wait_ms": 0, "timeout": 0.1}


def parser(docstring: str) -> argparse.ArgumentParser:
    made = one_line_parser("serve", docstring)
    made.add_argument("folder", help="name of a run, its folder, a folder made by lit-embed index, or that of a model")
    made.add_argument("--port", type=int, default=8000, help="0 for any that is free (default 8000)")
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)")
    made.add_argument("--allowed-host", nargs="+", default=[], metavar="NAME",
                      help="names in the Host header that are let in beside those of this machine, such as a proxy's")
    made.add_argument("--index", metavar="FOLDER", help="documents to search (default: those of the run, if it left an index)")
    made.add_argument("--cross-encoder", metavar="FOLDER", help="re-ranks")
    made.add_argument("--base", metavar="FOLDER", help="a model to compare with; embeds the documents once")
    made.add_argument("--max-texts", type=int, default=Limits.texts, help=f"in one request (default {Limits.texts:,})")
    made.add_argument("--max-body-mb", type=int, default=Limits.body >> 20, help=f"of one request (default {Limits.body >> 20})")
    made.add_argument("--max-requests", type=int, default=Limits.requests,
                      help=f"at work or waiting; the next is told to come back (default {Limits.requests})")
    made.add_argument("--batch_tokens", type=int,
                      help=f"through the model together (default {Limits.batch_tokens:,} on a CPU, {ON_GPU:,} on a GPU)")
    made.add_argument("--wait-ms", type=float, default=1000 * Limits.wait,
                      help=f"that texts wait for those of other requests, where there are others (default {1000 * Limits.wait:g})")
    made.add_argument("--timeout", type=float, default=Limits.timeout, help=f"seconds for an answer (default {Limits.timeout:g})")
    made.add_argument("--checkpoints", default="checkpoints", help="folder that holds the run folders")
    add_precision(made)
    return made


def limits_of(options: argparse.Namespace) -> Limits:
    """
    Raises
        UserError   a limit below the least that makes sense
    """
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and not value >= least:
            raise UserError(f"--{name if name == 'batch_tokens' else name.replace('_', '-')} {value:g}: {least} at least")
    batch_tokens = options.batch_tokens or (Limits.batch_tokens if str(device_here()) == "cpu" else ON_GPU)
    return Limits(options.max_texts, body=options.max_body_mb << 20, requests=options.max_requests, batch_tokens=batch_tokens,
                  wait=options.wait_ms / 1000, timeout=options.timeout)


def guard_of(options: argparse.Namespace, token: str | None) -> Guard:
    """Names are checked where only this machine is let in, or where some were given.

    Raises
        UserError   a token without a letter, which would let in whoever sends none
    """
    if token is not None and not token.strip():
        raise UserError(f"{TOKEN} is empty: give it a value, or unset it")
    token = token and token.strip()
    if is_loopback(options.host) or options.allowed_host:
        return Guard(LOOPBACK | {name.lower() for name in (options.host, *options.allowed_host)}, token)
    return Guard(None, token)


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
