package podspec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/settings"
)

// Place is what the program knows beside the attempt and the settings.
type Place struct {
	ServerID  string
	Namespace string
	Report    *launch.Report // nil: attempts have nobody to tell
	Gang      *launch.Gang   // nil: it is the attempt's only pod
}

// Build makes the pod of an attempt. Its errors are sentences for the user: the attempt fails with them.
func Build(attempt *pb.Attempt, s *settings.Settings, place Place) (*corev1.Pod, error) {
	scope, defaults, patches := s.In(place.Namespace)
	request, graceS, err := requestOf(attempt, s, scope, place)
	if err != nil {
		return nil, err
	}
	arguments, err := launch.Pack(request)
	if err != nil {
		return nil, err
	}
	main, err := mainContainer(attempt, s, arguments)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metadata(attempt, place, graceS),
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: &graceS,
			ServiceAccountName:            serviceAccountOf(attempt, scope),
			Containers:                    []corev1.Container{*main},
			SecurityContext: &corev1.PodSecurityContext{
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
	if attempt.TimeoutMs > 0 {
		pod.Spec.ActiveDeadlineSeconds = new(max(1, (attempt.TimeoutMs+999)/1000))
	}
	if err := addVolumes(pod, attempt, s, scope); err != nil {
		return nil, err
	}
	if err := applySettings(pod, json.RawMessage(attempt.Settings)); err != nil {
		return nil, err
	}
	if place.Gang != nil {
		makeRanked(pod, attempt.AttemptId, place.Gang)
	}
	merged, err := merge(pod, defaults, patches)
	if err != nil {
		return nil, err
	}
	return merged, keepIdentity(merged, pod)
}

// The server writes this for runs that name no account, as KFP does.
const unnamedAccount = "pipeline-runner"

// serviceAccountOf is the run's, if it names one, else that of the settings, else the namespace's default.
func serviceAccountOf(attempt *pb.Attempt, scope settings.Scope) string {
	if attempt.ServiceAccount == unnamedAccount {
		return scope.ServiceAccount
	}
	return cmp.Or(attempt.ServiceAccount, scope.ServiceAccount)
}

func metadata(attempt *pb.Attempt, place Place, graceS int64) metav1.ObjectMeta {
	command := attempt.Command
	if len(command) > limits.CommandBytes {
		command = strings.ToValidUTF8(command[:limits.CommandBytes], "")
	}
	meta := metav1.ObjectMeta{
		Name:      PodName(attempt.AttemptId),
		Namespace: place.Namespace,
		Labels: map[string]string{
			ServerLabel:                           place.ServerID,
			AttemptLabel:                          attempt.AttemptId,
			RunLabel:                              LabelValue(attempt.RunId),
			TaskNameLabel:                         LabelValue(attempt.TaskName),
			"pipeline/runid":                      LabelValue(attempt.RunId),
			"pipelines.kubeflow.org/v2_component": "true",
		},
		Annotations: map[string]string{
			LogAnnotation:                             attempt.LogPath,
			TaskAnnotation:                            attempt.TaskId,
			GraceAnnotation:                           strconv.FormatInt(graceS, 10),
			"pipelines.kubeflow.org/v2_component":     "true",
			"sidecar.istio.io/inject":                 "false",
			"kubectl.kubernetes.io/default-container": Main,
		},
		Finalizers: []string{Finalizer},
	}
	if command != "" {
		meta.Annotations[CommandAnnotation] = command
	}
	if place.Report != nil {
		meta.Annotations[ReportsAnnotation] = "true"
	}
	return meta
}

// requestOf adds to the launcher's request what this program alone knows. It also tells the seconds that the pod is given
// to end.
func requestOf(attempt *pb.Attempt, s *settings.Settings, scope settings.Scope, place Place) ([]byte, int64, error) {
	request, pod := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(attempt.Request, &request); err != nil {
		return nil, 0, fmt.Errorf("the launcher's request is no JSON: %v", err)
	}
	if text, is := request["pod"]; is {
		if err := json.Unmarshal(text, &pod); err != nil {
			return nil, 0, fmt.Errorf("the field pod of the launcher's request is no JSON object: %v", err)
		}
	}
	var graceMs int64
	if text, is := pod["grace_ms"]; is {
		if err := json.Unmarshal(text, &graceMs); err != nil || graceMs < 0 {
			return nil, 0, fmt.Errorf("the field pod.grace_ms of the launcher's request makes no sense")
		}
	}
	pod["termination_path"] = asJSON(terminationPath)
	if place.Report != nil {
		pod["report"] = asJSON(place.Report)
	}
	if place.Gang != nil {
		if err := rankRequest(request, pod, place.Gang); err != nil {
			return nil, 0, err
		}
	}
	if scope.StoresSecret != "" {
		request["secrets_dir"] = asJSON(storesDir)
		if s.StoresSettings {
			request["stores_file"] = asJSON(storesDir + "/stores.yaml")
		}
	}
	request["pod"] = asJSON(pod)
	graceS := int64(math.Ceil(float64(graceMs)/1000)) + int64(limits.GraceSlack.Seconds())
	return asJSON(request), graceS, nil
}

// asJSON is of what cannot fail: texts and maps of JSON.
func asJSON(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// keepIdentity sets again what makes the pod an attempt's, which no setting may change.
func keepIdentity(pod, ours *corev1.Pod) error {
	pod.Name, pod.Namespace, pod.GenerateName = ours.Name, ours.Namespace, ""
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	for _, label := range []string{ServerLabel, AttemptLabel, RunLabel} {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, label, ours.Labels[label])
	}
	for _, annotation := range []string{LogAnnotation, GraceAnnotation} {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, annotation, ours.Annotations[annotation])
	}
	if rank, is := ours.Labels[RankLabel]; is {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, RankLabel, rank)
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, PodsAnnotation, ours.Annotations[PodsAnnotation])
	}
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		pod.Annotations[GraceAnnotation] = strconv.FormatInt(*pod.Spec.TerminationGracePeriodSeconds, 10)
	}
	for _, finalizer := range pod.Finalizers {
		if finalizer == Finalizer {
			pod.Finalizers = append([]string{}, pod.Finalizers...)
			return mainIsThere(pod)
		}
	}
	pod.Finalizers = append(pod.Finalizers, Finalizer)
	return mainIsThere(pod)
}

func mainIsThere(pod *corev1.Pod) error {
	if MainContainer(pod) == nil || MainContainer(pod).Image == "" {
		return fmt.Errorf("the settings of pods leave the pod without its container %q", Main)
	}
	return nil
}

// MainContainer is the container that runs the task; nil if there is none.
func MainContainer(pod *corev1.Pod) *corev1.Container {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == Main {
			return &pod.Spec.Containers[i]
		}
	}
	return nil
}
