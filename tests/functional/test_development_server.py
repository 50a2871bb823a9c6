import subprocess
import sys

THREE_PHOTOS_IN_THREADS = """
import resource, threading
from chalicelib.http import dev_server
{before}
def photo():
    parts = [bytes(b"x" * 3_400_000) for _ in range(3)]
def faults():
    thread = threading.Thread(target=photo)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start
print([faults() for _ in range(8)][-1])
"""


def page_faults(before: str) -> int:
    """Of a thread that handles as much as a photo of 12 megapixels, after seven others."""
    script = THREE_PHOTOS_IN_THREADS.format(before=before)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    return int(done.stdout)


def test_a_thread_finds_the_memory_that_others_have_left():
    """Each photo has a thread of its own; none asks the system for its memory page by page."""
    assert page_faults("local.keep_memory()") * 20 < page_faults("pass")
