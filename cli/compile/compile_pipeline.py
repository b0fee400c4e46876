"""Compiles the pipeline of a file: python -c THIS FILE OUTPUT [NAME]. OUTPUT gets JSON: the package, or why there is
none. The file is imported under a name of its own, so what stands under `if __name__ == '__main__'` does not run."""

import importlib.util
import json
import os
import sys
import tempfile
import traceback
import warnings


def load(path):
    folder, name = os.path.dirname(path), os.path.splitext(os.path.basename(path))[0]
    sys.path.insert(0, folder)
    # A name that a module of the library has would hide it.
    name = name if name.isidentifier() and name not in sys.modules else 'pipeline_of_' + str(abs(hash(path)))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def candidates(module):
    """Pipelines by the names of their variables, else components; those that were imported count only if there is
    nothing else."""
    from kfp.dsl import base_component, graph_component

    found = {}
    for variable, value in vars(module).items():
        if isinstance(value, base_component.BaseComponent) and not variable.startswith('_'):
            found.setdefault(id(value), (variable, value))
    every = list(found.values())
    pipelines = [one for one in every if isinstance(one[1], graph_component.GraphComponent)]
    chosen = pipelines or every
    own = [one for one in chosen if getattr(function_of(one[1]), '__module__', None) == module.__name__]
    return own or chosen


def function_of(component):
    return getattr(component, 'pipeline_func', None) or getattr(component, 'python_func', None)


def compiled(component):
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'pipeline.yaml')
        compiler.Compiler().compile(component, path)
        with open(path, encoding='utf-8') as file:
            return file.read()


def where(path, error):
    """The last line of the user's own folder that the error came through."""
    if isinstance(error, SyntaxError) and error.filename:
        return '%s line %s: ' % (os.path.basename(error.filename), error.lineno)
    folder = os.path.dirname(path) + os.sep
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(folder)
              and os.sep + 'site-packages' + os.sep not in frame.filename]
    return '%s line %s: ' % (os.path.relpath(frames[-1].filename, folder), frames[-1].lineno) if frames else ''


def answer(path, wanted):
    try:
        import kfp  # noqa: F401
    except ImportError as error:
        return {'problem': 'no_kfp', 'message': str(error)}
    try:
        found = candidates(load(path))
    except SystemExit as error:
        return {'problem': 'failed', 'message': 'the file ends the program (exit code %s) when it is imported; put that'
                ' under if __name__ == "__main__"' % error.code}
    except BaseException as error:
        return {'problem': 'failed', 'message': '%s%s: %s' % (where(path, error), type(error).__name__, error)}
    names = [[variable, getattr(value, 'name', variable)] for variable, value in found]
    if wanted:
        found = [one for one, both in zip(found, names) if wanted in both]
    if len(found) != 1:
        return {'problem': 'choose', 'names': names}
    try:
        return {'package': compiled(found[0][1])}
    except BaseException as error:
        return {'problem': 'failed', 'message': '%s%s: %s' % (where(path, error), type(error).__name__, error)}


def main():
    path, output = os.path.abspath(sys.argv[1]), sys.argv[2]
    wanted = sys.argv[3] if len(sys.argv) > 3 else ''
    sys.argv = [path]
    # Said of every component, of images, which nobody pulls here.
    warnings.filterwarnings('ignore', category=FutureWarning, message='The default base_image')
    told = answer(path, wanted)
    with open(output, 'w', encoding='utf-8') as file:
        json.dump(told, file)


main()
