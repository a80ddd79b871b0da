"""What every command line of the project ends with: `@command` above its `main`, then `sys.exit(main())`."""
import functools
import sys
from collections.abc import Callable


def command(main: Callable[..., int | None]) -> Callable[..., int]:
    """`main` that returns its exit code, None counting as 0.

    What a user can mend, a ValueError or an OSError, becomes one line on stderr and exit code 1.
    """
    @functools.wraps(main)
    def wrapped(*arguments, **options) -> int:
        try:
            return main(*arguments, **options) or 0
        except (ValueError, OSError) as error:
            print(f"error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
            return 1
    return wrapped
