"""Components of the conformance suite. Most run a line of shell, which takes a few milliseconds.

What records takes `to`, a file, and appends a name and a value, each with a zero byte behind it, in one write.
"""

from typing import Any, Callable, List

from kfp import dsl
from kfp.dsl import Dataset, Input, Output, OutputPath

APPEND = 'printf "%s\\0%s\\0" "$1" "$2" >> "$0"'


def recorder(kind: Any) -> Callable[..., Any]:
    """A component that records the text which the value of that type has in an argument."""
    @dsl.container_component
    def record(to: str, name: str, value: kind):
        return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND], args=[to, name, value])
    return record


def giver(kind: Any) -> Callable[..., Any]:
    """A component whose output of that type is what stands in a text."""
    @dsl.container_component
    def give(text: str, out: OutputPath(kind)):
        return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$0" > "$1"'], args=[text, out])
    return give


record, record_int, record_float = recorder(str), recorder(int), recorder(float)
record_bool, record_list, record_dict = recorder(bool), recorder(list), recorder(dict)
give, give_int, give_float = giver(str), giver(int), giver(float)
give_bool, give_list, give_dict = giver(bool), giver(list), giver(dict)
give_ints = giver(List[int])


@dsl.container_component
def fail():
    return dsl.ContainerSpec(image='alpine', command=['false'])


@dsl.container_component
def nothing():
    return dsl.ContainerSpec(image='alpine', command=['true'])


@dsl.container_component
def write(text: str, data: Output[Dataset]):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', 'printf %s "$0" > "$1"'], args=[text, data.path])


@dsl.container_component
def read(to: str, name: str, data: Input[Dataset]):
    """Records the content."""
    script = 'printf "%s\\0%s\\0" "$1" "$(cat "$2")" >> "$0"'
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', script], args=[to, name, data.path])


@dsl.container_component
def record_artifacts(to: str, name: str, data: Input[List[Dataset]]):
    """Records a list of artifacts as JSON."""
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, name, "{{$.inputs.artifacts['data']}}"])


@dsl.container_component
def record_status(to: str, name: str, status: dsl.PipelineTaskFinalStatus):
    return dsl.ContainerSpec(image='alpine', command=['sh', '-c', APPEND],
                             args=[to, name, "{{$.inputs.parameters['status']}}"])
