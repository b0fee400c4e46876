"""A pipeline with a task of every kind, for tests of what shows tasks."""

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Output


@dsl.component
def produce(n: int, metrics: Output[Metrics], roc: Output[ClassificationMetrics], data: Output[Dataset]) -> int:
    metrics.log_metric('loss', 0.5)
    metrics.log_metric('accuracy', 0.75)
    roc.log_roc_curve([0.0, 1.0], [0.0, 1.0], [1.0, 0.5])
    with open(data.path, 'w') as file:
        file.write('rows')
    data.metadata['columns'] = ['a', 'b']
    return n + 1


@dsl.component
def use(data: Input[Dataset], n: int) -> int:
    return n


@dsl.component
def double(n: int) -> int:
    return 2 * n


@dsl.component
def clean() -> str:
    return 'cleaned'


@dsl.pipeline(name='inner')
def inner(n: int) -> int:
    return double(n=n).output


@dsl.pipeline(name='every-kind')
def every_kind(uri: str, n: int = 2):
    with dsl.ExitHandler(clean()):
        made = produce(n=n)
        with dsl.ParallelFor([1, 2, 3]) as item:
            use(data=made.outputs['data'], n=item)
        with dsl.If(n > 1):
            double(n=n)
        with dsl.Else():
            double(n=0)
        inner(n=n)
        imported = dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=False)
        use(data=imported.output, n=n)
