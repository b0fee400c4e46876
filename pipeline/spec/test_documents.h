// Hand-written pipelines for tests: one that can be executed, and one that uses the whole language.
#pragma once

#include "absl/strings/string_view.h"

namespace penstock {

// Two tasks, a parameter, an artifact and a constant.
inline constexpr absl::string_view kTrainPipeline = R"yaml(
# PIPELINE DEFINITION
# Name: train-model
components:
  comp-prepare:
    executorLabel: exec-prepare
    inputDefinitions:
      parameters:
        rows:
          parameterType: NUMBER_INTEGER
        label:
          defaultValue: none
          isOptional: true
          parameterType: STRING
    outputDefinitions:
      artifacts:
        dataset:
          artifactType:
            schemaTitle: system.Dataset
            schemaVersion: 0.0.1
      parameters:
        count:
          parameterType: NUMBER_INTEGER
  comp-train:
    executorLabel: exec-train
    inputDefinitions:
      artifacts:
        data:
          artifactType:
            schemaTitle: system.Dataset
            schemaVersion: 0.0.1
      parameters:
        count:
          parameterType: NUMBER_INTEGER
        mode:
          parameterType: STRING
          literals: [fast, slow]
        rate:
          parameterType: NUMBER_DOUBLE
    outputDefinitions:
      parameters:
        Output:
          parameterType: STRING
deploymentSpec:
  executors:
    exec-prepare:
      container:
        image: python:3.11
        command: [python3, -c, 'print(1)']
        args: ['{{$.inputs.parameters[''rows'']}}']
        env:
        - {name: MODE, value: test}
        somethingNew: {ignored: true}
    exec-train:
      container:
        image: python:3.11
pipelineInfo:
  description: A test.
  name: train-model
root:
  dag:
    outputs:
      parameters:
        Output:
          valueFromParameter: {producerSubtask: train, outputParameterKey: Output}
    tasks:
      prepare:
        cachingOptions: {enableCache: true}
        componentRef: {name: comp-prepare}
        inputs:
          parameters:
            rows: {componentInputParameter: rows}
        taskInfo: {name: Prepare the data}
      train:
        cachingOptions: {}
        componentRef: {name: comp-train}
        dependentTasks: [prepare]
        inputs:
          artifacts:
            data:
              taskOutputArtifact: {producerTask: prepare, outputArtifactKey: dataset}
          parameters:
            count:
              taskOutputParameter: {producerTask: prepare, outputParameterKey: count}
            mode:
              runtimeValue: {constant: fast}
            rate:
              runtimeValue: {constant: 0.5}
            pipelinechannel--rows: {componentInputParameter: rows}
        taskInfo: {name: train}
  inputDefinitions:
    parameters:
      rows:
        defaultValue: 100.0
        isOptional: true
        parameterType: NUMBER_INTEGER
  outputDefinitions:
    parameters:
      Output:
        parameterType: STRING
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
)yaml";

// Loops, conditions, one of several outputs, an exit task, an importer, retries, lists of artifacts, and a
// platform.
inline constexpr absl::string_view kFullPipeline = R"yaml(
components:
  comp-say: &say
    executorLabel: exec-say
    inputDefinitions:
      parameters:
        text: {parameterType: STRING}
    outputDefinitions:
      artifacts:
        log: {artifactType: {schemaTitle: system.Artifact, schemaVersion: 0.0.1}}
      parameters:
        Output: {parameterType: STRING}
  comp-import:
    executorLabel: exec-import
    inputDefinitions:
      parameters:
        uri: {parameterType: STRING}
    outputDefinitions:
      artifacts:
        artifact: {artifactType: {schemaTitle: system.Model, schemaVersion: 0.0.1}}
  comp-report:
    executorLabel: exec-say
    inputDefinitions:
      parameters:
        status: {parameterType: TASK_FINAL_STATUS, isOptional: true}
        texts: {parameterType: LIST}
        chosen: {parameterType: STRING, defaultValue: none}
      artifacts:
        logs:
          artifactType: {schemaTitle: system.Artifact, schemaVersion: 0.0.1}
          isArtifactList: true
          isOptional: true
  comp-loop:
    dag:
      outputs:
        artifacts:
          pipelinechannel--say-log:
            artifactSelectors: [{producerSubtask: say, outputArtifactKey: log}]
        parameters:
          pipelinechannel--say-Output:
            valueFromParameter: {producerSubtask: say, outputParameterKey: Output}
      tasks:
        say:
          componentRef: {name: comp-say}
          inputs:
            parameters:
              text:
                componentInputParameter: pipelinechannel--items-loop-item
                parameterExpressionSelector: parseJson(string_value)["name"]
          retryPolicy: {maxRetryCount: 3, backoffDuration: 0s, backoffFactor: 2.0, backoffMaxDuration: 3600s}
          taskInfo: {name: say}
    inputDefinitions:
      parameters:
        pipelinechannel--items: {parameterType: LIST}
        pipelinechannel--items-loop-item: {parameterType: STRUCT}
    outputDefinitions:
      artifacts:
        pipelinechannel--say-log:
          artifactType: {schemaTitle: system.Artifact, schemaVersion: 0.0.1}
          isArtifactList: true
      parameters:
        pipelinechannel--say-Output: {parameterType: LIST}
  comp-branch-1: &branch
    dag:
      outputs: &say-output
        parameters:
          pipelinechannel--say-Output:
            valueFromParameter: {producerSubtask: say, outputParameterKey: Output}
      tasks:
        say:
          componentRef: {name: comp-say}
          inputs:
            parameters:
              text: {runtimeValue: {constant: "{{$.inputs.parameters['pipelinechannel--flag']}} it is"}}
              pipelinechannel--flag: {componentInputParameter: pipelinechannel--flag}
    inputDefinitions:
      parameters:
        pipelinechannel--flag: {parameterType: BOOLEAN}
    outputDefinitions:
      parameters:
        pipelinechannel--say-Output: {parameterType: STRING}
  comp-branch-2: *branch
  comp-branches:
    dag:
      outputs:
        parameters:
          pipelinechannel--oneof-1:
            valueFromOneof:
              parameterSelectors:
              - {producerSubtask: branch-1, outputParameterKey: pipelinechannel--say-Output}
              - {producerSubtask: branch-2, outputParameterKey: pipelinechannel--say-Output}
      tasks:
        branch-1:
          componentRef: {name: comp-branch-1}
          inputs: &flag-input
            parameters:
              pipelinechannel--flag: {componentInputParameter: pipelinechannel--flag}
          triggerPolicy: {condition: "inputs.parameter_values['pipelinechannel--flag'] == true"}
        branch-2:
          componentRef: {name: comp-branch-2}
          inputs: *flag-input
          triggerPolicy: {condition: "!(inputs.parameter_values['pipelinechannel--flag'] == true)"}
    inputDefinitions:
      parameters:
        pipelinechannel--flag: {parameterType: BOOLEAN}
    outputDefinitions:
      parameters:
        pipelinechannel--oneof-1: {parameterType: STRING}
deploymentSpec:
  executors:
    exec-say:
      container: {image: alpine, command: [echo]}
    exec-import:
      importer:
        artifactUri: {runtimeParameter: uri}
        typeSchema: {schemaTitle: system.Model, schemaVersion: 0.0.1}
pipelineInfo: {name: full}
root:
  dag:
    tasks:
      branches:
        componentRef: {name: comp-branches}
        inputs:
          parameters:
            pipelinechannel--flag: {componentInputParameter: flag}
      import:
        componentRef: {name: comp-import}
        inputs:
          parameters:
            uri: {runtimeValue: {constant: "gs://bucket/model"}}
      loop:
        componentRef: {name: comp-loop}
        inputs:
          parameters:
            pipelinechannel--items: {componentInputParameter: items}
        iteratorPolicy: {parallelismLimit: 2}
        parameterIterator:
          itemInput: pipelinechannel--items-loop-item
          items: {inputParameter: pipelinechannel--items}
      loop-raw:
        componentRef: {name: comp-say}
        parameterIterator:
          itemInput: text
          items: {raw: '["a", "b", 3]'}
      report:
        componentRef: {name: comp-report}
        dependentTasks: [loop]
        inputs:
          artifacts:
            logs:
              taskOutputArtifact: {producerTask: loop, outputArtifactKey: pipelinechannel--say-log}
          parameters:
            chosen:
              taskOutputParameter: {producerTask: branches, outputParameterKey: pipelinechannel--oneof-1}
            status: {taskFinalStatus: {producerTask: loop}}
            texts:
              taskOutputParameter: {producerTask: loop, outputParameterKey: pipelinechannel--say-Output}
        triggerPolicy: {strategy: ALL_UPSTREAM_TASKS_COMPLETED}
  inputDefinitions:
    parameters:
      flag: {parameterType: BOOLEAN, defaultValue: true}
      items: {parameterType: LIST}
schemaVersion: 2.1.0
---
platforms:
  kubernetes:
    deploymentSpec:
      executors:
        exec-say:
          secretAsEnv: []
    pipelineConfig:
      resourceTtlOnCompletion: 60
)yaml";

}  // namespace penstock
