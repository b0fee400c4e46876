"""A cluster by hand: python3 -m tests.kubernetes up --dir D, and down --dir D."""

import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cluster  # noqa: E402
import images  # noqa: E402
import machine  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog='python3 -m tests.kubernetes', description=__doc__)
    parser.add_argument('verb', choices=('up', 'down'))
    parser.add_argument('--dir', type=pathlib.Path, required=True, help='folder of the cluster')
    parser.add_argument('--nodes', type=int, default=0, help='simulated nodes, in place of a real one')
    parser.add_argument('--launcher', type=pathlib.Path, help='penstock-launch, to be in an image')
    arguments = parser.parse_args()
    if arguments.verb == 'down':
        cluster.Cluster.attach(arguments.dir).close()
        return
    subprocess.run([str(HERE / 'build.sh')], check=True, stdout=sys.stderr,
                   env={**os.environ, 'PENSTOCK_CACHE': str(machine.cache())})
    why_not = cluster.missing(kubelet=not arguments.nodes)
    if why_not:
        sys.exit(why_not)
    made = cluster.Cluster(arguments.dir, kubelet=not arguments.nodes)
    if arguments.nodes:
        made.add_nodes(arguments.nodes)
    else:
        for archive in (images.task(), images.bare()):
            made.import_image(archive)
        if arguments.launcher:
            made.import_image(images.launcher(arguments.launcher))
    print(f'export KUBECONFIG={made.kubeconfig}')
    print(f'alias kubectl="{cluster.program()} kubectl"')


if __name__ == '__main__':
    main()
