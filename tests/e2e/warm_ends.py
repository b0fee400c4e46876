"""As warm_parts.py: functions that end in every way, and what has to be done at the end of an interpreter."""

import sys
from typing import Dict

from warm_parts import part

# --- What is to be done at the end ---


@part
def leaves_files_open(folder: str):
    """Their text is not flushed: in a global, a cycle, a module that was there before, a variable of the context, a
    builtin and a class."""
    import builtins
    import contextvars
    import json
    import sys

    def opened(name):
        file = open(f'{folder}/{name}', 'w')
        file.write(name)
        return file
    global KEPT
    KEPT = opened('global')
    cycle = [opened('cycle')]
    cycle.append(cycle)
    sys.kept = opened('sys')
    builtins.kept = opened('builtins')
    json.kept = [opened('json')]
    json.JSONEncoder.kept = opened('class')
    variable = contextvars.ContextVar('variable')
    variable.set(opened('context'))
    binary = open(f'{folder}/binary', 'wb')
    binary.write(b'\xff')
    json.binary = binary


@part
def is_told_of_the_end(folder: str):
    import atexit
    import weakref

    class Kept:
        pass
    global KEPT
    KEPT = Kept()
    weakref.finalize(KEPT, print, 'finalized')
    atexit.register(print, 'last')
    atexit.register(print, 'first')


@part
def has_destructors_in_globals(folder: str):
    class Loud:
        def __init__(self, word):
            self.word = word

        def __del__(self):
            print('gone', self.word)
    global KEPT, MORE
    KEPT, MORE = Loud('one'), [Loud('two')]
    MORE.append(MORE)


@part
def has_a_destructor_in_a_module(folder: str):
    import json

    class Loud:
        def __del__(self):
            print('gone')
    json.kept = Loud()


@part
def has_a_destructor_in_the_context(folder: str):
    import contextvars

    class Loud:
        def __del__(self):
            print('gone')
    contextvars.ContextVar('variable').set(Loud())


@part
def leaves_a_generator_suspended(folder: str):
    import builtins

    def suspended():
        try:
            yield 1
        finally:
            print('finally')
    builtins.kept = suspended()
    next(builtins.kept)


@part
def fails_at_the_end(folder: str):
    import atexit
    import sys

    def fails():
        raise ValueError('in atexit')

    def leaves():
        sys.exit(3)

    class Bad:
        def __del__(self):
            raise ValueError('in a destructor')
    atexit.register(fails)
    atexit.register(leaves)
    Bad()


@part
def replaces_hooks(folder: str):
    import sys
    import threading

    class Bad:
        def __del__(self):
            raise ValueError('unraisable')
    sys.unraisablehook = lambda what: print('unraisable', what.exc_value)
    threading.excepthook = lambda what: print('thread', what.exc_value)
    Bad()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()


@part
def has_threads_that_fail(folder: str):
    import sys
    import threading
    for target in (lambda: 1 / 0, lambda: sys.exit(3)):
        thread = threading.Thread(target=target, name='worker')
        thread.start()
        thread.join()


@part
def leaves_threads_running(folder: str):
    import concurrent.futures
    import threading
    import time
    print(threading.active_count(), threading.main_thread() is threading.current_thread(),
          threading.main_thread().native_id == threading.get_native_id())

    def late():
        time.sleep(0.3)
        print('late')
    threading.Thread(target=late).start()
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    global KEPT
    KEPT = concurrent.futures.ThreadPoolExecutor(1)
    KEPT.submit(lambda: (time.sleep(0.6), print('later')))


@part
def logs_to_files(folder: str):
    import logging
    import logging.handlers
    logger = logging.getLogger('own')
    print(logging.getLogger().level, [type(one).__name__ for one in logging.getLogger().handlers], logger.handlers)
    target = logging.FileHandler(f'{folder}/target.log')
    logger.addHandler(logging.FileHandler(f'{folder}/direct.log'))
    logger.addHandler(logging.handlers.MemoryHandler(1000, target=target))
    target.setFormatter(logging.Formatter('%(levelname)s %(name)s %(message)s'))
    logger.info('said')
    record = logger.makeRecord('x', 20, '', 0, '', (), None)
    print(0 <= record.relativeCreated < 20_000, logging.lastResort.level)


@part
def warns(folder: str):
    import warnings
    warnings.warn('of the user')
    warnings.warn('not shown', DeprecationWarning)
    print(warnings.filters)


@part
def writes_much(folder: str):
    for number in range(30_000):
        print(f'line {number} ' + 'x' * 40)


@part
def writes_bytes(folder: str):
    import sys
    sys.stdout.buffer.write(b'\xff\xfe\x00\r\n\xc3')
    print('text', end='')
    print('error', end='', file=sys.stderr)
    sys.__stdout__.write('no line end')


@part
def prints_what_cannot_be_encoded(folder: str):
    print('\udcff'.encode('utf-8', 'surrogateescape'), end='')
    print('\udcff')


@part
def writes_by_the_c_library(folder: str):
    import ctypes
    ctypes.CDLL(None).printf(b'of C, not flushed\n')


@part
def replaces_standard_output(folder: str):
    import sys
    print('before')
    sys.stdout = open(f'{folder}/stdout', 'w')
    print('to the file')
    sys.stderr = sys.stdout


@part
def takes_standard_output_away(folder: str):
    import sys
    sys.stdout = None
    print('to nobody')


@part
def closes_standard_output(folder: str):
    import sys
    sys.stdout.close()


@part
def closes_descriptor_one(folder: str):
    import os
    os.close(1)
    print('fails')


@part
def points_descriptor_one_elsewhere(folder: str):
    import os
    descriptor = os.open(f'{folder}/descriptor', os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    print('to the file')
    os.system('echo of a child')


@part
def closes_all_descriptors(folder: str):
    import os
    os.closerange(0, 100)


@part
def leaves_a_trace_function(folder: str):
    import gc
    import sys
    gc.disable()
    sys.setswitchinterval(1)
    sys.settrace(lambda *unused: None)


# --- Ends ---

ENDS: Dict[str, str] = {}  # sources by name: of a line or two, so that the SDK reads each from a file of its own


def ends(name: str, *lines: str) -> None:
    body = ''.join(f'    {line}\n' for text in lines for line in text.split('\n'))
    ENDS[f'ends_{name}'] = f'def ends_{name}(folder: str):\n{body}'


for word in ('3', '"text"', '4', 'None', '0', '-1', '300', '3.5', '(1, 2)'):
    ends('by_exit_' + ''.join(one for one in word if one.isalnum()), f'import sys; print("said"); sys.exit({word})')
ends('by_exit_of_the_system', 'import os; print("said"); os._exit(3)')
ends('by_exit_of_site', 'exit(6)')
ends('by_an_exit_in_a_nest', 'try:\n    1 / 0\nfinally:\n    raise SystemExit("nested")')
ends('as_a_shell', 'import os; os.execv("/bin/sh", ["sh", "-c", "echo replaced; exit 5"])')
ends('as_another_python', 'import os, sys; print("before")',
     'text = "import sys, os; print(sys.argv, os.getcwd(), sys.prefix)"',
     'os.execv(sys.executable, [sys.executable, "-c", text, "x"])')
for signal in ('SEGV', 'KILL', 'TERM', 'INT', 'PIPE', 'HUP', 'USR1', 'ABRT'):
    ends(f'by_{signal}', f'import os, signal; print("said"); signal.signal(signal.SIG{signal}, signal.SIG_DFL)'
         if signal not in ('KILL', 'INT') else 'import os, signal; print("said")',
         f'os.kill(os.getpid(), signal.SIG{signal}); signal.pause()')
ends('by_abort', 'import os; os.abort()')
ends('by_an_alarm', 'import signal; signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()')
ends('by_a_handler', 'import os, signal, sys', 'signal.signal(signal.SIGTERM, lambda *unused: sys.exit(9))',
     'os.kill(os.getpid(), signal.SIGTERM); signal.pause()')
ends('by_a_shown_crash', 'import faulthandler, os; faulthandler.enable(); os.kill(os.getpid(), 11)')
ends('by_the_keyboard', 'raise KeyboardInterrupt("text")')
ends('by_generator_exit', 'raise GeneratorExit("text")')
ends('by_an_error', 'def helper(n):\n    return [1][n]\nhelper(2)')
ends('by_an_error_with_a_cause',
     'try:\n    {}["key"]\nexcept KeyError as error:\n    raise ValueError("it\\nis") from error')
if sys.version_info >= (3, 11):
    ends('by_an_error_with_notes', 'error = ValueError("text"); error.add_note("a note"); raise error')
    ends('by_a_group', 'raise ExceptionGroup("group", [ValueError("one"), TypeError("two")])')
ends('by_an_error_without_text', 'class Own(Exception):\n    def __str__(self): raise ValueError\nraise Own')
ends('by_a_real_recursion', 'def deep(n): return 1 + deep(n + 1)\ndeep(0)')
ends('by_no_memory', 'bytearray(1 << 60)')
ends('by_an_assertion', 'assert 1 == 2, "text"')
ends('by_a_missing_module', 'import no_such_module_here')
ends('with_a_hook', 'import sys', 'sys.excepthook = lambda kind, error, trace: print("hook", kind.__name__, error)',
     '1 / 0')
ends('with_a_hook_that_looks', 'import sys, traceback',
     'sys.excepthook = lambda *what: (print(sys.exc_info(), sys.last_type.__name__, sys.last_value is what[1]), '
     'traceback.print_tb(sys.last_traceback), traceback.print_exception(*what))', '1 / 0')
ends('with_a_hook_that_fails', 'import sys; sys.excepthook = lambda *unused: {}["hook"]', '1 / 0')
ends('with_a_hook_that_exits', 'import sys; sys.excepthook = lambda *unused: sys.exit(7)', '1 / 0')
ends('without_a_hook', 'import sys; del sys.excepthook; 1 / 0')
ends('without_standard_error', 'import sys; sys.stderr = None; 1 / 0')
ends('with_an_error_and_a_function_for_the_end', 'import atexit; atexit.register(print, "atexit"); 1 / 0')
ends('with_an_open_file_and_an_error', 'file = open(f"{folder}/failing", "w"); file.write("text"); 1 / 0')
ends('with_an_error_and_threads', 'import threading, time',
     'threading.Thread(target=lambda: (time.sleep(0.2), print("late"))).start()', '1 / 0')
ends('with_a_stack', 'import traceback; traceback.print_stack(); raise ValueError("text")')
ends('with_a_broken_source', 'this is no Python')
