"""Workers of a run that is killed."""

import subprocess
import sys

RUN = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from edu_edit.processes import end_with_parent

def name():
    return os.getpid()

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)
    print(pool.submit(name).result(), flush=True)
    time.sleep(60)
"""


def test_a_worker_ends_when_the_run_is_killed(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(RUN, encoding="utf-8")
    run = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert int(run.stdout.readline()) != run.pid
    run.kill()
    run.communicate(timeout=20)  # ends when nobody holds the other end of its output any more
