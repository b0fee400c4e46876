"""Functions of Python components that do what an interpreter shared with others might get wrong. Each runs on its own;
what it prints, how it ends and what it leaves in `folder` has to be the same on a fork as on a fresh interpreter."""

from typing import Any, Callable, Dict, List, Tuple

Function = Callable[[str], Any]
FUNCTIONS: List[Function] = []
VARIABLES: Dict[str, Tuple[str, str]] = {}  # by the name of the function


def part(function: Function) -> Function:
    FUNCTIONS.append(function)
    return function


def with_variable(name: str, value: str) -> Callable[[Function], Function]:
    """A task that sets this variable. "FOLDER" in the value is the folder."""
    def note(function: Function) -> Function:
        VARIABLES[function.__name__] = (name, value)
        return part(function)
    return note


# --- What it changes is its own, and what it sees is as ever ---

@part
def changes_directory(folder: str):
    import os
    import sys
    before = os.getcwd()
    os.chdir('/')
    sys.path.append('there')
    print(before != os.getcwd(), os.getcwd(), os.path.abspath('x'), sys.path)


@part
def changes_variables(folder: str):
    import os
    import subprocess
    os.environ['NEW'] = 'new'
    os.environ['HOME'] = '/nowhere'
    del os.environ['LANG']
    os.putenv('PUT', 'put')
    print(os.path.expanduser('~'), os.getenv('LANG'))
    print(subprocess.run(['sh', '-c', 'echo $NEW $HOME $LANG $PUT; env | sort'], capture_output=True, text=True).stdout)
    print(subprocess.run(['sh', '-c', 'env | sort'], capture_output=True, text=True, env={'ONLY': '1'}).stdout)


@part
def sees_variables(folder: str):
    import os
    print(sorted(os.environ.items()))
    with open('/proc/self/environ') as file:
        print(sorted(filter(None, file.read().split('\0'))))


@part
def uses_signals(folder: str):
    import os
    import signal
    import time
    print({one.name: repr(signal.getsignal(one)).split(' at ')[0] for one in signal.Signals})
    print(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}), signal.sigpending(), signal.getitimer(0))
    signal.signal(signal.SIGUSR1, lambda number, frame: print('heard', number))
    os.kill(os.getpid(), signal.SIGUSR1)
    print(signal.sigpending())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    signal.signal(signal.SIGALRM, lambda number, frame: print('alarm'))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.1)


@part
def changes_locale(folder: str):
    import locale
    print(locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), locale.setlocale(locale.LC_ALL, 'C'))
    print(locale.localeconv()['decimal_point'], locale.getlocale(), f'{1234.5:n}')


@part
def changes_modules(folder: str):
    import importlib
    import sys
    import types
    for name in ('json', 'logging', 'kfp', 'kfp.dsl', 'runpy'):
        del sys.modules[name]
    import json
    import kfp
    sys.modules['made'] = types.ModuleType('made')
    import made
    importlib.reload(json)
    print(json.loads('[1]'), kfp.__version__, made.__name__, 'fractions' in sys.modules, 'kfp.dsl' in sys.modules)


@part
def looks_at_main(folder: str):
    import __main__
    import sys
    print(sorted(vars(__main__)), __main__.__spec__.name, __main__.__file__, __main__.__package__, __main__.__doc__)
    print(type(__main__.__loader__).__name__, sys.argv[0], sys.argv[1::2], sys.orig_argv[:3], len(sys.orig_argv))


@part
def looks_at_itself(folder: str):
    import inspect
    import os
    import sys
    print(inspect.getsource(looks_at_itself))
    print(__name__, os.path.basename(__file__), __name__ in sys.modules, inspect.stack()[0].function)
    with open('/proc/self/cmdline') as file:
        words = file.read().rstrip('\0').split('\0')
    print(len(words), words[:3], words[-1])
    with open('/proc/self/comm') as file:
        print(file.read(), os.readlink('/proc/self/exe') == os.path.realpath(sys.executable))


@part
def lowers_the_recursion_limit(folder: str):
    import sys
    print(sys.getrecursionlimit())
    sys.setrecursionlimit(150)

    def deep(n):
        return 0 if n == 0 else 1 + deep(n - 1)
    print(deep(50))
    try:
        deep(10_000)
    except RecursionError as error:
        print(error)
    sys.setrecursionlimit(20_000)
    print(deep(10_000))


@part
def uses_processes(folder: str):
    import math
    import multiprocessing
    print(multiprocessing.get_start_method(), multiprocessing.current_process().name, multiprocessing.parent_process())
    for method in ('fork', 'spawn', 'forkserver'):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(math.factorial, [3, 4, 5]))
        queue = context.SimpleQueue()
        child = context.Process(target=queue.put, args=('said',))
        child.start()
        print(queue.get())
        child.join()
        print(child.exitcode)


@part
def pickles(folder: str):
    """A function of a module that it writes, and its own."""
    import multiprocessing
    import pickle
    import sys
    with open('written.py', 'w') as file:
        file.write('def double(n):\n    return 2 * n\n\n\nprint("imported", __name__ == "__main__")\n'
                   'if __name__ == "__main__":\n    print("run")\n')
    import written
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print(pool.map(written.double, [1, 2]))
    with multiprocessing.get_context('fork').Pool(1) as pool:
        print(pool.map(written.double, [1, 2]))
    try:
        print(pickle.loads(pickle.dumps(pickles)) is pickles)
    except Exception as error:
        print(type(error).__name__)
    print(pickle.loads(pickle.dumps(sys.modules['kfp'].dsl.Dataset)).__name__)


@part
def runs_modules(folder: str):
    import os
    import runpy
    import subprocess
    import sys
    with open('run_me.py', 'w') as file:
        file.write('import sys\nif __name__ == "__main__":\n    print("main", sys.argv[0].rpartition("/")[2])\n'
                   'else:\n    print("other", __name__)\n')
    runpy.run_path('run_me.py', run_name='__main__')
    runpy.run_module('run_me', run_name='__main__', alter_sys=True)
    import run_me
    print(run_me.__file__ == os.path.abspath('run_me.py'))
    sys.stdout.flush()
    subprocess.run([sys.executable, '-m', 'run_me'], check=True)


@part
def forks(folder: str):
    """The child returns, and ends as the attempt would."""
    import atexit
    import os
    atexit.register(lambda: print('the end of', 'the child' if child == 0 else 'the parent'))
    child = os.fork()
    if child == 0:
        print('child')
        return
    print('parent', os.waitpid(child, 0)[1])


@part
def forks_and_leaves(folder: str):
    import os
    import sys
    if os.fork() == 0:
        print('child')
        os._exit(3)
    print(os.WEXITSTATUS(os.wait()[1]))
    child = os.fork()
    if child == 0:
        sys.exit(4)
    print(os.WEXITSTATUS(os.waitpid(child, 0)[1]))
    print(os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 0'], os.environ) > 0, os.system('exit 5') >> 8)


@part
def leads_a_session(folder: str):
    import os
    print(os.getppid() > 1, os.getpid() != os.getpgrp(), os.getpgrp() == os.getsid(0), os.isatty(0))
    os.setsid()
    print(os.getpid() == os.getsid(0))


@part
def reads_standard_input(folder: str):
    import sys
    print(repr(sys.stdin.read()), sys.stdin.fileno(), sys.stdin.encoding)
    try:
        input()
    except EOFError as error:
        print(error)


@part
def uses_temporary_files(folder: str):
    import os
    import tempfile
    print(tempfile.gettempdir() == os.environ['TMPDIR'], os.path.realpath(tempfile.gettempdir()))
    with tempfile.NamedTemporaryFile(mode='w') as file:
        file.write('text')
    kept = tempfile.mkdtemp()
    print(os.path.dirname(kept) == tempfile.gettempdir(), os.path.exists(file.name), oct(os.stat(kept).st_mode))


@part
def uses_contexts(folder: str):
    import asyncio
    import contextvars
    variable = contextvars.ContextVar('variable', default='unset')
    print(variable.get(), len(contextvars.copy_context()))
    variable.set('set')

    async def waits():
        await asyncio.sleep(0.01)
        asyncio.ensure_future(asyncio.sleep(1000))
        return variable.get()
    print(asyncio.run(waits()))


@part
def changes_limits(folder: str):
    import os
    import resource
    print([resource.getrlimit(one) for one in range(10)], oct(os.umask(0o77)), os.nice(0), os.times().elapsed > 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(f'{folder}/made', 'w') as file:
        file.write(oct(os.fstat(file.fileno()).st_mode))
    print(sorted(os.listdir('/proc/self/fd')))


@part
def measures_itself(folder: str):
    import resource
    import time
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(time.process_time() < 3, usage.ru_utime < 3, time.thread_time() < 3)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(children.ru_utime < 0.5, time.perf_counter() > 0, usage.ru_maxrss < 300_000)


@part
def uses_compiled_modules(folder: str):
    import ctypes
    import decimal
    import hashlib
    import sqlite3
    import ssl
    import zoneinfo
    print(hashlib.sha256(b'').hexdigest(), sqlite3.connect(':memory:').execute('select 1').fetchall())
    print(ssl.OPENSSL_VERSION_NUMBER > 0, decimal.Decimal('0.1') * 3, ctypes.sizeof(ctypes.c_long))
    print(zoneinfo.ZoneInfo('UTC'))


@part
def gives_values(folder: str) -> dict:
    return {'text': 'é "q"\n', 'list': [1, None, 2.5], 'nested': {'a': True}}


# --- Variables that are set for the task ---

@with_variable('PYTHONHASHSEED', '0')
def heeds_the_hash_seed(folder: str):
    import sys
    print(hash('text'), sys.flags.hash_randomization)


@with_variable('PYTHONPATH', 'FOLDER/modules')
def heeds_the_path(folder: str):
    import heeded
    print(heeded.word)


@with_variable('LC_ALL', 'C')
def heeds_the_locale(folder: str):
    import locale
    import sys
    print(locale.setlocale(locale.LC_ALL), locale.setlocale(locale.LC_ALL, ''), sys.flags.utf8_mode)


@with_variable('TZ', 'Asia/Tokyo')
def heeds_the_zone(folder: str):
    import time
    print(time.tzname, time.timezone)


@with_variable('TMPDIR', 'FOLDER/temporary')
def heeds_the_folder_for_temporary_files(folder: str):
    import os
    import tempfile
    print(tempfile.gettempdir(), __file__.startswith(os.environ['TMPDIR'] + '/tmp.'))


@with_variable('TMPDIR', 'FOLDER/none')
def cannot_use_its_folder_for_temporary_files(folder: str):
    print('runs')


@with_variable('OMP_NUM_THREADS', '3')
def heeds_the_number_of_threads(folder: str):
    import os
    print(os.environ['OMP_NUM_THREADS'])


@with_variable('PYTHONWARNINGS', 'error')
def heeds_the_filter_of_warnings(folder: str):
    import warnings
    warnings.warn('becomes an error')


@with_variable('BIG', 'x' * 60_000)
def has_a_large_variable(folder: str):
    import os
    import subprocess
    print(len(os.environ['BIG']), subprocess.run(['sh', '-c', 'echo ${#BIG}'], capture_output=True, text=True).stdout)


# --- All that an interpreter tells of itself ---

@part
def tells_its_state(folder: str):
    import sys
    modules = sorted(sys.modules)
    import gc
    import json
    import locale
    import logging
    import os
    import posix
    import signal
    import site
    import sysconfig
    import threading
    import warnings
    kinds = (str, int, float, list, tuple, type(None))
    seen = {f'sys.{name}': repr(value) for name, value in vars(sys).items() if isinstance(value, kinds)}
    seen['modules'] = modules
    seen['variables'] = [sorted(os.environ.items()), sorted(map(repr, posix.environ.items()))]
    seen['descriptors'] = {number: os.readlink(f'/proc/self/fd/{number}').partition(':')[0]
                           for number in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{number}')}
    with open('/proc/self/status') as file:
        status = dict(line.split(':', 1) for line in file if ':' in line)
    names = ('Umask', 'Uid', 'Gid', 'Groups', 'Threads', 'Seccomp', 'NoNewPrivs', 'CoreDumping', 'THP_enabled')
    seen['status'] = {name: text for name, text in status.items() if name in names or name[:3] in ('Sig', 'Shd', 'Cap')
                      if name != 'SigQ'}
    for name in ('limits', 'oom_score_adj', 'comm', 'sched', 'timerslack_ns', 'cgroup'):
        with open(f'/proc/self/{name}') as file:
            seen[name] = [line for line in file if name != 'sched' or line.startswith(('policy', 'prio'))]
    seen['signals'] = {one.name: repr(signal.getsignal(one)).split(' at ')[0] for one in signal.Signals}
    seen['locale'] = [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), sys.getfilesystemencoding()]
    seen['streams'] = [[one.encoding, one.errors, one.line_buffering, one.write_through, one.newlines, one.name,
                        one.mode, type(one.buffer).__name__, one.closed] for one in (sys.stdin, sys.stdout, sys.stderr)]
    seen['collector'] = [gc.get_threshold(), gc.isenabled(), gc.get_debug(), len(gc.callbacks)]
    seen['limits of the interpreter'] = [sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size()]
    seen['site'] = [site.PREFIXES, site.ENABLE_USER_SITE, site.getsitepackages(), site.getusersitepackages()]
    seen['paths'] = [sysconfig.get_paths(), {name: str(value) for name, value in sysconfig.get_config_vars().items()}]
    seen['hooks'] = [repr(one).split(' at ')[0] for one in (
        sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, sys.getprofile(), sys.gettrace(),
        threading.excepthook, *sys.path_hooks)] + [getattr(one, '__name__', repr(type(one))) for one in sys.meta_path]
    seen['warnings'] = repr(warnings.filters)
    seen['threads'] = [one.name for one in threading.enumerate()]
    seen['logging'] = [sorted(logging.Logger.manager.loggerDict), logging.getLogger().level, logging.root.disabled,
                       [repr(type(one)) for one in logging.getLogger().handlers], len(logging._handlerList)]
    seen['left in modules'] = [name for name, module in sorted(sys.modules.items()) for value in vars(module).values()
                               if isinstance(value, str) and '/work/' + 'warm/' in value]
    seen['left in objects'] = [repr(one)[:300] for one in gc.get_objects() if isinstance(one, (dict, list, tuple, set))
                               for value in (list(one.values()) if isinstance(one, dict) else list(one))
                               if isinstance(value, str) and '/work/' + 'warm/' in value]
    seen['folder'] = [os.getcwd(), sorted(os.listdir('.'))]
    for name in sorted(seen):
        print(name, json.dumps(seen[name], indent=1, default=repr))
