"""The group behind `seqrec`: each file of this folder is a command, imported when it is called for."""

from __future__ import annotations

import atexit
import difflib
import gc
import importlib
import os
import pkgutil
import sys
from io import TextIOWrapper

import click

from seqrec import __version__, cli
from seqrec.errors import SeqrecError
from seqrec.writers import visible


class Commands(click.Group):
    """`seqrec X` is `command` of seqrec/cli/X.py."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(cli.__path__))
        return sorted(name for name in names if name != "main" and not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"seqrec.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(known)}."
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a user's mistake is one line on stderr, never a traceback."""
        try:
            return super().invoke(ctx)
        except SeqrecError as error:
            said, code = str(error), 1
        except KeyboardInterrupt:
            said, code = "interrupted", 130
        except BrokenPipeError:  # the reader has gone, `seqrec decode ... | head`: click ends quietly
            raise
        except OSError as error:
            said, code = f"{error.filename or 'system'}: {error.strerror or error}", 1
        click.echo(visible(f"seqrec: {said}"), err=True)
        ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="seqrec")
def main() -> None:
    """Recognise sequences: speech, pen ink and line images in, text out.

    \b
    seqrec run recipes/demo_ink          train, decode and score in a few minutes
    seqrec decode MODEL line.png         read one line with a trained model
    seqrec COMMAND --help                what a command takes, with an example
    """
    atexit.register(gc.freeze)  # at the end nothing is worth collecting, which takes a tenth of a short command's time
    # After `<&-` or `>&-` there is nothing to read, and what is written is lost.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    # Results are UTF-8 wherever they go, each line at once; what UTF-8 cannot hold is escaped.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
