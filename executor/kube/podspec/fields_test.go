package podspec

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	pb "github.com/penstock/penstock/kube/gen/pods"
)

// What the inputs of the pipelines in settings.jsonl are, and the output of the other task.
var inputs = map[string]any{
	"secret": "my-secret", "claim": "my-claim", "config": "my-map", "Output": "chosen",
	"selector":   map[string]any{"pool": "gpu"},
	"toleration": map[string]any{"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300.0},
	"tolerations": []any{map[string]any{}, map[string]any{"key": "spot", "operator": "Exists", "effect": "NoExecute",
		"toleration_seconds": 0.0}},
	"affinity": map[string]any{"preferredDuringSchedulingIgnoredDuringExecution": []any{map[string]any{"weight": 1.0,
		"preference": map[string]any{"matchExpressions": []any{map[string]any{"key": "a", "operator": "Exists"}}}}}},
	"no_text": nil, "no_object": nil, "no_list": nil,
}

// resolved is what the server makes of settings before it hands them over.
func resolved(value any) any {
	switch value := value.(type) {
	case map[string]any:
		name, is := value["componentInputParameter"].(string)
		if output, isOutput := value["taskOutputParameter"].(map[string]any); isOutput {
			name, is = output["outputParameterKey"].(string)
		}
		if is && value["mountPath"] == nil {
			return map[string]any{"runtimeValue": map[string]any{"constant": inputs[name]}}
		}
		for key := range value {
			if is && strings.HasSuffix(key, "tParameter") {
				delete(value, key)
				continue
			}
			value[key] = resolved(value[key])
		}
	case []any:
		for i := range value {
			value[i] = resolved(value[i])
		}
	}
	return value
}

// settingsOf are those of kfp-kubernetes, by the names of its functions.
func settingsOf(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/settings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range bytes.Lines(text) {
		var one struct {
			Name     string
			Settings map[string]any
		}
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all[one.Name] = string(asJSON(resolved(one.Settings)))
	}
	return all
}

// part is what settings add to a pod, in the shape of testdata/pods.yaml.
type part struct {
	Labels           map[string]string             `json:"labels,omitempty"`
	Annotations      map[string]string             `json:"annotations,omitempty"`
	Env              []corev1.EnvVar               `json:"env,omitempty"`
	Volumes          []corev1.Volume               `json:"volumes,omitempty"`
	VolumeMounts     []corev1.VolumeMount          `json:"volumeMounts,omitempty"`
	SecurityContext  *corev1.SecurityContext       `json:"securityContext,omitempty"`
	ImagePullPolicy  corev1.PullPolicy             `json:"imagePullPolicy,omitempty"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	InitContainers   []corev1.Container            `json:"initContainers,omitempty"`
	NodeSelector     map[string]string             `json:"nodeSelector,omitempty"`
	Tolerations      []corev1.Toleration           `json:"tolerations,omitempty"`
	Affinity         *corev1.Affinity              `json:"affinity,omitempty"`
}

func partOf(pod, bare *corev1.Pod) part {
	main, bareMain := MainContainer(pod), MainContainer(bare)
	left := part{
		Labels:           maps.Clone(pod.Labels),
		Annotations:      maps.Clone(pod.Annotations),
		Env:              added(main.Env, bareMain.Env),
		Volumes:          added(pod.Spec.Volumes, bare.Spec.Volumes),
		VolumeMounts:     added(main.VolumeMounts, bareMain.VolumeMounts),
		ImagePullPolicy:  main.ImagePullPolicy,
		ImagePullSecrets: pod.Spec.ImagePullSecrets,
		InitContainers:   added(pod.Spec.InitContainers, bare.Spec.InitContainers),
		NodeSelector:     pod.Spec.NodeSelector,
		Tolerations:      pod.Spec.Tolerations,
		Affinity:         pod.Spec.Affinity,
	}
	same := func(there map[string]string) func(string, string) bool {
		return func(key, value string) bool { return there[key] == value }
	}
	maps.DeleteFunc(left.Labels, same(bare.Labels))
	maps.DeleteFunc(left.Annotations, same(bare.Annotations))
	if !bytes.Equal(asJSON(main.SecurityContext), asJSON(bareMain.SecurityContext)) {
		left.SecurityContext = main.SecurityContext
	}
	return left
}

func added[T any](all, before []T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool {
		return slices.ContainsFunc(before, func(other T) bool { return bytes.Equal(asJSON(one), asJSON(other)) })
	})
}

// TestSettings makes pods of what kfp-kubernetes writes, and of what no release of it writes yet or any more.
func TestSettings(t *testing.T) {
	text, err := os.ReadFile("testdata/pods.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name     string          `json:"name"`
		Settings json.RawMessage `json:"settings"` // empty: those of kfp-kubernetes by that name
		Pod      part            `json:"pod"`
	}
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		t.Fatal(err)
	}
	bare, err := build(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	ofKFP := settingsOf(t)
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			settings, known := ofKFP[one.Name]
			if known == (len(one.Settings) > 0) {
				t.Fatal("the settings must stand either in settings.jsonl or in pods.yaml")
			}
			delete(ofKFP, one.Name)
			if !known {
				settings = string(one.Settings)
			}
			pod, err := build(t, "", func(a *pb.Attempt) { a.Settings = settings })
			if err != nil {
				t.Fatal(err)
			}
			checkNames(t, pod)
			if got, want := asYAML(t, partOf(pod, bare)), asYAML(t, one.Pod); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	for name := range ofKFP {
		t.Errorf("pods.yaml does not say what becomes of %s", name)
	}
}

// checkNames of what must be there once, which Kubernetes would not accept or would take otherwise.
func checkNames(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	once := map[string]bool{}
	first := func(kind, name string) {
		if once[kind+name] {
			t.Errorf("%s %s is there twice", kind, name)
		}
		once[kind+name] = true
	}
	for _, volume := range pod.Spec.Volumes {
		first("volume", volume.Name)
		if problems := validation.IsDNS1123Label(volume.Name); len(problems) > 0 {
			t.Errorf("%s: %v", volume.Name, problems)
		}
	}
	for _, variable := range MainContainer(pod).Env {
		first("variable", variable.Name)
	}
	for _, mount := range MainContainer(pod).VolumeMounts {
		first("path", mount.MountPath)
	}
}

func asYAML(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
