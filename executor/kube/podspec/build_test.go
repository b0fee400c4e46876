package podspec

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/settings"
)

func attemptOf(change func(*pb.Attempt)) *pb.Attempt {
	attempt := &pb.Attempt{
		AttemptId: "0b4d", RunId: "run-1", TaskId: "task-1", TaskName: "train model!", AttemptNumber: 2, Image: "python:3.12",
		Env:     []*pb.Variable{{Name: "A", Value: "$(B) costs $5"}, {Name: "KFP_POD_UID", Value: "mine"}},
		Request: []byte(`{"command":["true"],"pod":{"state_dir":"/penstock/work/.s","grace_ms":1500}}`),
		WorkDir: "/penstock/work/0b4d", LogPath: "run-1/train-2.log", TimeoutMs: 1,
		Resources: &pb.Resources{CpuLimit: "500m", MemoryLimit: "64K", AcceleratorType: "nvidia.com/gpu", AcceleratorCount: "1"},
	}
	if change != nil {
		change(attempt)
	}
	return attempt
}

func build(t *testing.T, text string, change func(*pb.Attempt)) (*corev1.Pod, error) {
	t.Helper()
	s, err := settings.Parse([]byte("launcher: {image: penstock}\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return Build(attemptOf(change), s, Place{ServerID: "s1", Namespace: "ns",
		Report: &launch.Report{URL: "http://door", ID: "0b4d", Token: "secret"}})
}

func TestBasePod(t *testing.T) {
	pod, err := build(t, "stores_secret: stores\nstores_settings: true", nil)
	if err != nil {
		t.Fatal(err)
	}
	if pod.Name != "penstock-0b4d" || pod.Labels[TaskNameLabel] != "train_model" || pod.Finalizers[0] != Finalizer {
		t.Errorf("%+v", pod.ObjectMeta)
	}
	if *pod.Spec.TerminationGracePeriodSeconds != 12 || *pod.Spec.ActiveDeadlineSeconds != 1 {
		t.Errorf("%d %d", *pod.Spec.TerminationGracePeriodSeconds, *pod.Spec.ActiveDeadlineSeconds)
	}
	main := pod.Spec.Containers[0]
	values := map[string]corev1.EnvVar{}
	for _, variable := range main.Env {
		values[variable.Name] = variable
	}
	if values["A"].Value != "$$(B) costs $$5" || values["KFP_POD_UID"].Value != "mine" || values["PENSTOCK_ATTEMPT"].Value != "2" ||
		values["KFP_POD_NAME"].ValueFrom.FieldRef.FieldPath != "metadata.name" {
		t.Errorf("%+v", main.Env)
	}
	if memory := main.Resources.Limits[corev1.ResourceMemory]; memory.Value() != 64000 {
		t.Errorf("%v", main.Resources)
	}
	if gpus := main.Resources.Limits["nvidia.com/gpu"]; gpus.Value() != 1 {
		t.Errorf("%v", main.Resources)
	}
	if main.Command[0] != "/penstock/bin/penstock-launch" || pod.Spec.InitContainers[0].Command[1] != "copy" {
		t.Errorf("%v %v", main.Command, pod.Spec.InitContainers)
	}
	text, err := launch.Unpack(main.Args)
	if err != nil {
		t.Fatal(err)
	}
	var request struct {
		Command    []string
		StoresFile string `json:"stores_file"`
		SecretsDir string `json:"secrets_dir"`
		Pod        struct {
			StateDir        string `json:"state_dir"`
			TerminationPath string `json:"termination_path"`
			Report          launch.Report
		}
	}
	if err := json.Unmarshal(text, &request); err != nil {
		t.Fatal(err)
	}
	if request.Command[0] != "true" || request.Pod.StateDir != "/penstock/work/.s" || request.Pod.Report.Token != "secret" ||
		request.Pod.TerminationPath != "/dev/termination-log" || request.SecretsDir != "/penstock/stores" ||
		request.StoresFile != "/penstock/stores/stores.yaml" {
		t.Errorf("%s", text)
	}
	mounts := map[string]string{}
	for _, mount := range main.VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	if mounts[workVolume] != "/penstock/work" || mounts[binVolume] != "/penstock/bin" || mounts[storesVolume] != "/penstock/stores" {
		t.Errorf("%v", mounts)
	}
}

func TestImageVolume(t *testing.T) {
	s, _ := settings.Parse([]byte("launcher: {image: penstock, source: image_volume, command: /bin/launch}"))
	pod, err := Build(attemptOf(nil), s, Place{ServerID: "s1", Namespace: "ns"})
	if err != nil {
		t.Fatal(err)
	}
	if len(pod.Spec.InitContainers) != 0 || pod.Spec.Containers[0].Command[0] != "/penstock/bin/bin/launch" ||
		pod.Spec.Volumes[0].Image.Reference != "penstock" {
		t.Errorf("%+v", pod.Spec)
	}
}

func TestSettingsOfPodsAreMerged(t *testing.T) {
	pod, err := build(t, `
pod:
  metadata: {labels: {team: a, penstock.dev/attempt: other}}
  spec:
    nodeSelector: {pool: batch}
    tolerations: [{operator: Exists}]
    containers: [{name: main, env: [{name: TZ, value: UTC}, {name: A, value: default}]}, {name: side, image: proxy}]
namespaces: {ns: {pod: {spec: {nodeSelector: {pool: own}}}}}
patch: {metadata: {name: x, finalizers: null}, spec: {restartPolicy: Always, hostNetwork: true}}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pod.Labels["team"] != "a" || pod.Labels[AttemptLabel] != "0b4d" || pod.Name != "penstock-0b4d" || pod.Finalizers[0] != Finalizer {
		t.Errorf("%+v", pod.ObjectMeta)
	}
	if pod.Spec.NodeSelector["pool"] != "own" || len(pod.Spec.Tolerations) != 1 || !pod.Spec.HostNetwork ||
		pod.Spec.RestartPolicy != corev1.RestartPolicyNever || len(pod.Spec.Containers) != 2 {
		t.Errorf("%+v", pod.Spec)
	}
	values := map[string]string{}
	for _, variable := range MainContainer(pod).Env {
		values[variable.Name] = variable.Value
	}
	if values["TZ"] != "UTC" || values["A"] != "$$(B) costs $$5" {
		t.Errorf("%v", values)
	}
}

func TestMistakesOfATask(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	for words, change := range map[string]func(*pb.Attempt){
		`the memory limit "lots" is no quantity`: func(a *pb.Attempt) { a.Resources.MemoryLimit = "lots" },
		"more than 921600 do not fit": func(a *pb.Attempt) {
			a.Request, _ = json.Marshal(map[string]any{"command": []string{"x"}, "noise": noise})
		},
		"but the run has none": func(a *pb.Attempt) { a.Workspace = "/kfp-workspace" },
		"is no absolute path":  func(a *pb.Attempt) { a.WorkDir = "work" },
		"is taken by other":    func(a *pb.Attempt) { a.WorkDir = "/penstock/bin/x" },
		"request is no JSON":   func(a *pb.Attempt) { a.Request = []byte("{") },
	} {
		if _, err := build(t, "", change); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestLargeRequestsGoInChunks(t *testing.T) {
	noise := make([]byte, 400<<10)
	rand.New(rand.NewSource(1)).Read(noise)
	pod, err := build(t, "", func(a *pb.Attempt) { a.Request, _ = json.Marshal(map[string]any{"noise": noise}) })
	if err != nil {
		t.Fatal(err)
	}
	arguments := pod.Spec.Containers[0].Args
	if len(arguments) < 5 || len(arguments[0]) != 100_000 {
		t.Errorf("%d arguments, the first of %d bytes", len(arguments), len(arguments[0]))
	}
	if text, err := launch.Unpack(arguments); err != nil || len(text) < 500<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
