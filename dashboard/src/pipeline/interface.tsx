// What a pipeline takes and gives.

import type { Spec } from '../run/tree';
import { Value } from '../parts/value';
import { valueText } from '../words';
import { portsOf, type Port } from './spec';

export function Interface({ spec }: { spec: Spec }) {
  const inputs = portsOf(spec.root?.inputDefinitions);
  const outputs = portsOf(spec.root?.outputDefinitions);
  return (
    <div class="panel-body" tabIndex={0}>
      <h2>Inputs</h2>
      {inputs.length === 0 ? <p class="soft">It takes none.</p> : <Ports ports={inputs} label="Inputs" withDefaults />}
      <h2>Outputs</h2>
      {outputs.length === 0 ? (
        <p class="soft">It has none of its own; its tasks may.</p>
      ) : (
        <Ports ports={outputs} label="Outputs" />
      )}
    </div>
  );
}

function Ports({ ports, label, withDefaults = false }: { ports: Port[]; label: string; withDefaults?: boolean }) {
  return (
    <div class="scroll ports" tabIndex={0} role="region" aria-label={label}>
      <table class="plain wide">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            {withDefaults && <th scope="col">Default</th>}
            <th scope="col">Description</th>
          </tr>
        </thead>
        <tbody>
          {ports.map((port) => (
            <tr key={port.name}>
              <th scope="row">{port.name}</th>
              <td>
                {port.type}
                {port.literals.length > 0 && <span class="soft small"> {port.literals.map(valueText).join(', ')}</span>}
              </td>
              {withDefaults && <td>{defaultOf(port)}</td>}
              <td class="pre">{port.description}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function defaultOf(port: Port) {
  if (port.hasDefault)
    return port.defaultValue === '' ? <span class="soft">an empty text</span> : <Value value={port.defaultValue} />;
  return port.isOptional ? <span class="soft">may be left out</span> : <strong>required</strong>;
}
