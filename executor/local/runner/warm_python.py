# A warm Python of penstock-runner: a process that has imported what the bootstrap of KFP's Python components imports,
# and of which the attempts of such components are forks. warm_python.h has the protocol; python3 -c runs this text.
# What an attempt's own code sees is what a fresh interpreter would show it: whatever is prepared here leaves no trace.
# It works from Python 3.9 on and imports nothing that the bootstrap would not, but for what it takes away again.
import sys

FRESH = set(sys.modules)

import atexit  # noqa: E402
import fcntl  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
import runpy  # noqa: E402
import time  # noqa: E402

COMMANDS = 3  # from the supervisor: make a spare
TRIGGERS = 4  # from the supervisor to whichever spare reads first: run an attempt; and back: it begins
WANT_AN_END = ('_ctypes', '_curses', '_tkinter', 'readline')  # native modules of the standard library that do
PAGE = 4096
PARENTS_WAIT = 1000  # looks for the end of the process between, before it sleeps


def output_of(function, argument):
    """What is written to standard output and error while `function` runs."""
    kept = os.dup(1), os.dup(2)
    file = os.memfd_create('penstock-output')
    try:
        for number in (1, 2):
            os.dup2(file, number)
        function(argument)
    finally:
        for number in (1, 2):
            os.dup2(kept[number - 1], number)
            os.close(kept[number - 1])
    text = os.pread(file, 1 << 20, 0)
    os.close(file)
    return text


def threads():
    return len(os.listdir('/proc/self/task'))


def threads_that_stay():
    """All but those that end before a fork, and begin again when they are needed, by themselves: OpenBLAS's do."""
    if threads() > 1:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return threads()


def load(module):
    """Imports what running `module` imports. The module itself is not among that: it is run as __main__."""
    _, spec, _ = runpy._get_module_details(module)
    before = set(sys.modules)
    import ast
    tree = ast.parse(spec.loader.get_source(spec.name))
    tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    code = compile(tree, spec.origin, 'exec')
    for name in set(sys.modules) - before:
        del sys.modules[name]
    exec(code, {'__name__': module, '__package__': spec.parent})


REHEARSAL = '''
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *


def rehearse(x: int) -> int:
    raise GeneratorExit
'''


def rehearse(module):
    """Runs `module` up to the call of a component's function, so that what it imports, compiles and keeps on its way
    there is there, and takes away what else it leaves."""
    logging, path = sys.modules['logging'], HOME + '/ephemeral_component.py'
    kept = list(sys.path), list(sys.argv), sys.stdout, dict(os.environ), logging._handlerList[:], logging.root.level
    with open(path, 'w') as file:
        file.write(REHEARSAL)
    executor_input = '{"inputs": {"parameterValues": {"x": 1}}, "outputs": {"parameters": {"Output": {"outputFile": ' \
        '"%s/output"}}, "outputFile": "%s/output.json"}}' % (HOME, HOME)
    sys.argv[:] = ['-m', '--component_module_path', path, '--executor_input', executor_input,
                   '--function_to_execute', 'rehearse']
    try:
        with open(os.devnull, 'w') as sys.stdout:
            runpy.run_module(module, run_name='__main__')
    except BaseException:  # One that goes wrong prepares less.
        pass
    for handler in logging.root.handlers[:]:
        logging.root.removeHandler(handler)
    sys.path[:], sys.argv[:], sys.stdout, environ, logging._handlerList[:], level = kept
    logging.root.setLevel(level)
    os.environ.clear()
    os.environ.update(environ)
    sys.modules.pop('ephemeral_component', None)
    sys.path_importer_cache.pop(HOME, None)
    os.unlink(path)


class HeavyPackage:
    """A package that was imported beforehand, and is out of sight until an attempt imports it."""

    def __init__(self, name):
        began, before = time.perf_counter(), set(sys.modules)
        self.name = name
        try:
            # What it says belongs into the log of the attempt that imports it.
            self.failed = output_of(__import__, name) != b''
            self.failed |= threads_that_stay() > 1
        except Exception:
            self.failed = True
        self.seconds = time.perf_counter() - began
        self.modules = {m: sys.modules[m] for m in sys.modules if m not in before}


class HeavyFinder:
    """Shows the packages that were imported beforehand when the first of their modules is imported."""

    def __init__(self, packages):
        names = {package.name for package in packages}
        self.hidden = {}
        for package in packages:
            self.hidden.update({name: module for name, module in package.modules.items()
                                if name.partition('.')[0] in names})
        for name in self.hidden:
            del sys.modules[name]
        self.names = names & set(self.hidden)

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            return None
        sys.meta_path.remove(self)
        for hidden, module in self.hidden.items():
            sys.modules.setdefault(hidden, module)
        if 'numpy' in self.hidden:
            sys.modules['numpy'].random.seed()  # else all forks draw the same numbers
        module = self.hidden[name]
        return ShownModule(module, module.__spec__).spec()


class ShownModule:
    """The loader of a module that has been loaded."""

    def __init__(self, module, spec):
        self.module, self.own_spec, self.own_loader = module, spec, getattr(module, '__loader__', None)

    def spec(self):
        made = type(self.own_spec)(self.own_spec.name, self, origin=self.own_spec.origin)
        made.submodule_search_locations = self.own_spec.submodule_search_locations
        return made

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__, module.__loader__ = self.own_spec, self.own_loader


def files_of_modules():
    """Files whose change makes this process another than a fresh interpreter."""
    files = {sys.executable, os.path.realpath(sys.executable)}
    for module in list(sys.modules.values()):
        path = getattr(module, '__file__', None)
        if isinstance(path, str):
            files.add(os.path.realpath(path))
    return files


def report(began, heavy):
    """Says that this process is ready; or, instead, why no attempt may be a fork of it."""
    failed = [package.name for package in heavy if package.failed]
    if failed:
        return 'H ' + ' '.join(failed)  # Many packages cannot be imported again after that.
    if THREADS > 1:
        return 'U %d threads run in it, which something that is imported at its start has started' % THREADS
    files = files_of_modules()
    folders = {os.path.dirname(path) for path in files}
    folders.update(os.path.realpath(path) for path in sys.path if os.path.isdir(path) and '-packages' in path)
    os.write(TRIGGERS, b'W ' + b'\n'.join(os.fsencode(folder) for folder in folders))
    if not os.read(COMMANDS, 1):
        os._exit(0)
    # From here on the supervisor hears of changes. What was changed while it was read may have been read half.
    for path in files | folders:
        if began <= os.stat(path).st_ctime <= time.time():
            return 'U %s was changed at this moment' % path
    return 'R ' + ' '.join('%s:%d' % (package.name, package.seconds * 1000) for package in heavy)


class Native:
    """System calls that Python does not have. Without `_ctypes`, which an installation may lack, they do nothing."""

    def __init__(self):
        try:
            import _ctypes
            library = _ctypes.dlopen(None, 0)
            self.call = _ctypes.call_function
            self.addresses = {name: _ctypes.dlsym(library, name) for name in ('prctl', 'madvise')}
            self.pointer = type('Pointer', (_ctypes._SimpleCData,), {'_type_': 'P'})
        except Exception:
            self.call = None
        finally:
            sys.modules.pop('_ctypes', None)

    def prctl(self, option, first, second=0):
        if self.call is not None:
            self.call(self.addresses['prctl'], (option, first, second, 0, 0))

    def ranges(self, pages):
        """`pages`, which are in order, as Native.populate takes them."""
        ranges = []
        for page in pages:
            if ranges and sum(ranges[-1]) == page:
                ranges[-1][1] += PAGE
            else:
                ranges.append([page, PAGE])
        return [(self.pointer(begin), size) for begin, size in ranges] if self.call is not None else []

    def populate(self, ranges):
        """Gives this process pages of its own, before it writes to those that it shares. An older kernel refuses."""
        for begin, size in ranges:
            self.call(self.addresses['madvise'], (begin, size, 23))  # MADV_POPULATE_WRITE


def pages_written(function):
    """The pages that a fork of this process that calls `function` writes to, in order."""
    with open('/proc/self/maps') as file:
        maps = [line.split() for line in file]
    ours = [tuple(int(end, 16) for end in line[0].split('-')) for line in maps if line[1] == 'rw-p']
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        pages = []
        try:
            function()
            with open('/proc/self/pagemap', 'rb', 0) as file:
                for begin, end in ours:
                    file.seek(begin // PAGE * 8)
                    entries = file.read((end - begin) // PAGE * 8)
                    # A page that is there, of this process alone.
                    pages += [begin + at // 8 * PAGE for at in range(0, len(entries), 8)
                              if entries[at + 7] & 0x81 == 0x81]
            with open(writer, 'w') as file:
                file.write(' '.join(str(page) for page in pages))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as file:
        pages = [int(page) for page in file.read().split()]
    os.waitpid(child, 0)
    return pages


def own_areas():
    """Where the kernel reads the arguments and the environment of this process."""
    with open('/proc/self/stat', 'rb') as file:
        fields = file.read().rpartition(b')')[2].split()
    return [int(field) for field in fields[45:49]]


def write_areas(argv, environ):
    """So that /proc says of this process what it would say of a fresh one."""
    arguments_begin, arguments_end, environ_begin, environ_end = AREAS
    ends = []
    with open('/proc/self/mem', 'r+b', 0) as memory:
        for begin, end, texts in ((arguments_begin, arguments_end, argv), (environ_begin, environ_end, environ)):
            text = b''.join(text + b'\0' for text in texts)[:end - begin - 1]
            memory.seek(begin)
            memory.write(text.ljust(end - begin, b'\0'))
            ends.append(begin + len(text))
    # Without this, for which one has to be root, empty texts follow.
    NATIVE.prctl(35, 9, ends[0])  # PR_SET_MM, PR_SET_MM_ARG_END
    NATIVE.prctl(35, 11, ends[1])  # PR_SET_MM_ENV_END


class Request:
    """What an attempt is. The supervisor leaves it in a file without a name, so that this process, of which the next
    attempt is a fork too, never sees it."""

    def __init__(self, content):
        fields = content.split(b'\0')
        self.id, self.work_dir, self.lock = fields[:3]
        env_count, argv_count = int(fields[3]), int(fields[4])
        self.environ = fields[5:5 + env_count]
        self.argv = fields[5 + env_count:5 + env_count + argv_count]


def read_file_of_supervisor(number):
    descriptor = os.open('/proc/%d/fd/%d' % (SUPERVISOR, number), os.O_RDONLY)
    content = []
    while not content or content[-1]:
        content.append(os.read(descriptor, 1 << 20))
    os.close(descriptor)
    return b''.join(content)


def take_lock(path):
    """Shared, on the Python environment that the attempt uses, as penstock-env takes it; stays open."""
    if not path:
        return
    descriptor = os.open(path, os.O_RDWR)
    os.set_inheritable(descriptor, True)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
        raise OSError('the environment was removed')
    os.stat(path[:-len(b'.lock')] + b'/environment')
    os.utime(descriptor)  # the time of last use, by which environments are chosen to be removed


def change_environ(request, by_shell):
    variables = dict(entry.partition(b'=')[::2] for entry in request.environ)
    if by_shell:
        variables[b'_KFP_RUNTIME'] = b'true'
        variables[b'PWD'] = os.getcwdb()
    os.environ.clear()
    for name, value in variables.items():
        os.environb[name] = value
    posix = sys.modules['posix']
    posix.environ.clear()
    posix.environ.update(variables)
    mark = b'PENSTOCK_ATTEMPT_ID'  # by which the supervisor finds the processes of an attempt
    return [mark + b'=' + variables.pop(mark)] + [name + b'=' + value for name, value in variables.items()]


def move_paths(venv):
    """The interpreter's own paths, from this process's environment to the attempt's."""
    old, new = VENV, os.fsdecode(venv)

    def moved(value):
        return new + value[len(old):] if isinstance(value, str) and (value + '/').startswith(old + '/') else value

    for name in ('prefix', 'exec_prefix', 'executable', '_base_executable', '_home'):
        if hasattr(sys, name):
            setattr(sys, name, moved(getattr(sys, name)))
    sys.path[:] = [moved(path) for path in sys.path]
    for path in list(sys.path_importer_cache):
        if not path or (path + '/').startswith(HOME + '/'):
            del sys.path_importer_cache[path]
    site = sys.modules.get('site')
    if site is not None:
        site.PREFIXES = [moved(path) for path in site.PREFIXES]
    spawn = sys.modules.get('multiprocessing.spawn')
    if spawn is not None:
        spawn._python_exe = moved(spawn._python_exe)
    sysconfig = sys.modules.get('sysconfig')
    if sysconfig is not None:
        for name in ('_PREFIX', '_EXEC_PREFIX'):
            if hasattr(sysconfig, name):
                setattr(sysconfig, name, moved(getattr(sysconfig, name)))
        sysconfig._CONFIG_VARS = None
        if hasattr(sysconfig, '_CONFIG_VARS_INITIALIZED'):
            sysconfig._CONFIG_VARS_INITIALIZED = False


def renew_times_and_ids():
    """What a module keeps from the time of its import, and a fork does not change."""
    logging = sys.modules.get('logging')
    if logging is not None:
        logging._startTime = time.time_ns() if sys.version_info >= (3, 13) else time.time()
    threading = sys.modules.get('threading')
    if threading is not None and hasattr(threading.main_thread(), '_set_native_id'):
        threading.main_thread()._set_native_id()


def write_program(source):
    """As `mktemp -d` and `printf` in the SDK's script."""
    letters = b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
    folder = (os.environb.get(b'TMPDIR') or b'/tmp').rstrip(b'/')
    while True:
        path = folder + b'/tmp.' + bytes(letters[byte % len(letters)] for byte in os.urandom(10))
        try:
            os.mkdir(path, 0o700)
            break
        except FileExistsError:
            pass
    path += b'/ephemeral_component.py'
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    while source:
        source = source[os.write(descriptor, source):]
    os.close(descriptor)
    return path


def become(trigger):
    """Makes this process the attempt that the supervisor has in the files that `trigger` names."""
    request_number, log_number = (int(number) for number in trigger.split())
    log = os.open('/proc/%d/fd/%d' % (SUPERVISOR, log_number), os.O_WRONLY)
    request = Request(read_file_of_supervisor(request_number))
    take_lock(request.lock)
    os.chdir(request.work_dir)
    by_shell = request.argv[0] == b'sh'
    environ = change_environ(request, by_shell)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    move_paths(request.work_dir + b'/venv')
    arguments = request.argv[3:]
    if by_shell:
        arguments = [b'--component_module_path', write_program(arguments[0])] + arguments[1:]
    command = [b'python3', b'-m', os.fsencode(MODULE)] + arguments
    write_areas(command, environ)
    arguments = [os.fsdecode(argument) for argument in arguments]
    sys.argv[:] = ['-m'] + arguments
    if sys.version_info >= (3, 10):
        sys.orig_argv[:] = ['python3', '-m', MODULE] + arguments
    if not getattr(sys.flags, 'safe_path', False):
        sys.path[0] = os.getcwd()
    renew_times_and_ids()
    sys.modules['__main__'] = type(sys)('__main__')
    sys.modules['__main__'].__dict__.update(__builtins__=sys.modules['builtins'], __annotations__={})
    if FINDER is not None:
        sys.meta_path.insert(0, FINDER)
    if PRELUDE:
        os.write(2, PRELUDE)  # as each fresh interpreter would say it
    os.write(TRIGGERS, b'S %s %d %d' % (request.id, os.getpid(), os.getpgrp()))
    os.close(TRIGGERS)


def practise():
    """What an attempt does, in a fork that ends then."""
    environ = [name + b'=' + value for name, value in os.environb.items()]
    environ.append(b'PENSTOCK_ATTEMPT_ID=')
    counts = [b'%d' % len(environ), b'1']
    request = Request(b'\0'.join([b'', os.fsencode(HOME), b''] + counts + environ + [b'sh']))
    written = change_environ(request, by_shell=True)
    move_paths(os.fsencode(VENV))
    write_areas(request.argv, written)
    renew_times_and_ids()
    rehearse(MODULE)


def wait_as_spare(has_time):
    """In the fork: until there is an attempt for it. Ends with the supervisor."""
    looks = 0
    while os.getppid() != SUPERVISOR:
        looks += 1
        if os.getppid() == 1 or looks > 10 * PARENTS_WAIT:
            os._exit(0)
        if looks > PARENTS_WAIT:
            time.sleep(0.001)
        else:
            os.sched_yield()
    NATIVE.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: it goes with the supervisor
    if os.getppid() != SUPERVISOR:
        os._exit(0)
    os.write(TRIGGERS, b'P %d' % os.getpid())
    if has_time:
        NATIVE.populate(WRITTEN)
    trigger = os.read(TRIGGERS, 64)
    if not trigger:
        os._exit(0)
    try:
        become(trigger)
    except BaseException as error:  # Nothing of the attempt has run yet: it starts as a fresh process.
        os.write(TRIGGERS, b'F %s %s' % (trigger, repr(error).encode('utf-8', 'replace')[:300]))
        os._exit(0)


def serve():
    """Returns in each attempt. The process in between leads the attempt's session, as the shell of a fresh start does,
    and leaves the attempt to the supervisor, which has made itself the parent of what loses its own."""
    while True:
        command = os.read(COMMANDS, 1)
        if not command:
            os._exit(0)
        between = os.fork()
        if between:
            if os.waitpid(between, 0)[1] != 0:
                os._exit(1)  # no process could be made
            continue
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
        except OSError:
            os._exit(1)
        os.close(COMMANDS)
        wait_as_spare(has_time=command == b's')
        return


def show(error):
    """Tells of what ended the attempt as the interpreter would, without the frames of this text. Not to be called while
    an exception is handled: what a hook raises would be shown as a consequence of it."""
    shown = error.__traceback__.tb_next
    error.__traceback__ = shown
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, shown
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    if not hasattr(sys, 'excepthook'):
        sys.stderr.write('sys.excepthook is missing\n')
        sys.excepthook = sys.__excepthook__
    try:
        sys.excepthook(type(error), error, shown)
    except SystemExit:
        raise
    except BaseException as raised:
        second = raised.with_traceback(raised.__traceback__.tb_next)
    else:
        second = None
    if second is not None:
        sys.stderr.write('Error in sys.excepthook:\n')
        sys.__excepthook__(type(second), second, second.__traceback__)
        sys.stderr.write('\nOriginal exception was:\n')
        sys.__excepthook__(type(error), error, shown)
    sys.excepthook = lambda *unused: None


def leave():
    """Ends as the interpreter does, if the attempt has left nothing that may want to know of it: files that it did not
    close, generators, what has a destructor, native modules. Nothing is taken apart then, which takes as long as the
    rest of a small attempt."""
    before = BEFORE | set(FINDER.hidden) if FINDER is not None else BEFORE
    added = [name for name in sys.modules if name not in before]
    for name in added:
        path = getattr(sys.modules[name], '__file__', None) or ''
        if name in WANT_AN_END or (path.endswith('.so') and os.path.dirname(path) not in sys.path):
            return
    try:
        if 'threading' in sys.modules:
            sys.modules['threading']._shutdown()
        atexit._run_exitfuncs()
        flush()
        if any(hasattr(type(kept), '__del__') for kept in gc.get_objects()):
            return
    except BaseException:  # The interpreter meets it again, and knows what to say.
        return
    os._exit(0)


def flush():
    for file in (sys.stdout, sys.stderr):
        if file is not None and not getattr(file, 'closed', False):
            file.flush()


def note_heavy():
    """Leaves for the supervisor which packages it might import beforehand the next time."""
    names = [name for name in KNOWN_HEAVY if name in sys.modules]
    if names:
        try:
            with open(HEAVY_FILE, 'w') as file:
                file.write(' '.join(names))
        except OSError:
            pass


def end(failures):
    """Of the attempt, by what it raised, if it did. That is kept by nothing of this text, so that it goes as ever."""
    note_heavy()
    if not failures:
        leave()
    elif not isinstance(failures[0], SystemExit):
        show(failures[0])
    gc.unfreeze()  # What is frozen is not taken apart, and neither is what it holds of the attempt.
    if failures:
        raise failures.pop()


MODULE, KNOWN_HEAVY, HEAVY_NOW, HEAVY_FILE, STARTED = sys.argv[2:7]
KNOWN_HEAVY, HEAVY_NOW, STARTED = KNOWN_HEAVY.split(), HEAVY_NOW.split(), int(STARTED) / 1e6
SUPERVISOR = os.getppid()
HOME = os.getcwd()
VENV = os.environ['VIRTUAL_ENV']
AREAS = own_areas()
NATIVE = Native()
# What the bootstrap imports too is imported again below, at once.
for name in {'atexit', 'fcntl', 'gc'} - FRESH:
    del sys.modules[name]
PRELUDE = output_of(load, MODULE)
rehearse(MODULE)
THREADS = threads()
HEAVY = [HeavyPackage(name) for name in HEAVY_NOW]
FINDER = HeavyFinder(HEAVY) if HEAVY else None
REPORT = report(STARTED, HEAVY)
BEFORE = set(sys.modules)
gc.collect()
gc.freeze()
WRITTEN = NATIVE.ranges(pages_written(practise))
os.write(TRIGGERS, os.fsencode(REPORT))
serve()
HEAVY_FILE = os.path.abspath(HEAVY_FILE)  # The attempt may go elsewhere.
FAILURES = []
try:
    runpy._run_module_as_main(MODULE)
except BaseException as error:
    FAILURES.append(error)
end(FAILURES)
