package podspec

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"
)

// merge lays the pod over the defaults, those that count less first, and then applies the patches.
func merge(pod *corev1.Pod, defaults, patches []json.RawMessage) (*corev1.Pod, error) {
	if len(defaults) == 0 && len(patches) == 0 {
		return pod.DeepCopy(), nil
	}
	text, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	layers := append(append(append([]json.RawMessage{}, defaults...), text), patches...)
	merged := []byte("{}")
	for _, layer := range layers {
		if merged, err = strategicpatch.StrategicMergePatch(merged, layer, corev1.Pod{}); err != nil {
			return nil, fmt.Errorf("the settings of pods cannot be merged into the task's pod: %v", err)
		}
	}
	var result corev1.Pod
	if err := kjson.UnmarshalCaseSensitivePreserveInts(merged, &result); err != nil {
		return nil, fmt.Errorf("the settings of pods make the task's pod none that Kubernetes knows: %v", err)
	}
	return &result, nil
}
