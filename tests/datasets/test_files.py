"""Files that are never half-written."""
import errno
import os

import pytest

from datasets.files import replacing


def test_a_file_that_a_full_disk_has_no_room_for_is_named_and_the_one_before_stays(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("before")
    with pytest.raises(OSError, match=r"No space left on device: '.*out.txt'") as error, replacing(path) as file:
        file.write("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.errno == errno.ENOSPC and path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1
