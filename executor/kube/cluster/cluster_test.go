package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestFailuresAreToldApart(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	forbidden := func(words string) error { return apierrors.NewForbidden(pods, "x", errors.New(words)) }
	for name, test := range map[string]struct {
		err    error
		kind   Kind
		reason string
	}{
		"none":         {nil, None, ""},
		"exists":       {apierrors.NewAlreadyExists(pods, "x"), Exists, ""},
		"missing":      {apierrors.NewNotFound(pods, "x"), Missing, ""},
		"conflict":     {apierrors.NewConflict(pods, "x", errors.New("another UID")), Changed, ""},
		"quota's race": {apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "team", errors.New("the object has been modified; please apply your changes to the latest version")), Away, ""},
		"quota":        {forbidden("exceeded quota: team"), Quota, ""},
		"range":        {forbidden("maximum cpu usage per Container is 1, but limit is 2"), Quota, ""},
		"must":         {forbidden("failed quota: team: must specify limits.cpu"), Quota, ""},
		"busy":         {apierrors.NewTooManyRequests("slow down", 7), Away, ""},
		"broken":       {apierrors.NewInternalError(errors.New("x")), Away, ""},
		"timeout":      {context.DeadlineExceeded, Away, ""},
		"unreached":    {errors.New("dial tcp: connection refused"), Away, ""},
		"token":        {apierrors.NewUnauthorized("the token has expired"), Away, ""},
		"invalid":      {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "x", nil), Refused, "InvalidPod"},
		"rights":       {forbidden(`User "u" cannot create resource "pods" in API group ""`), Refused, "Forbidden"},
		"webhook":      {forbidden(`admission webhook "w" denied the request: maximum names`), Refused, "AdmissionRefused"},
		"security":     {forbidden(`violates PodSecurity "restricted:latest"`), Refused, "AdmissionRefused"},
	} {
		if f := Told(test.err); f.Kind != test.kind || f.Reason != test.reason || f.Message == "" && test.err != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := Told(apierrors.NewTooManyRequests("slow down", 7)); f.After != 7*time.Second {
		t.Errorf("%v", f.After)
	}
}

func TestSmallPodsKeepWhatCounts(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}}, Finalizers: []string{"f"}},
		Spec:       corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "main", Args: []string{"large"}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "main",
			ImageID: "i", Ready: true}}},
	}
	kept := Small(pod)
	if kept.ManagedFields != nil || len(kept.Spec.Containers) != 0 || kept.Spec.NodeName != "n" || kept.Finalizers[0] != "f" ||
		kept.Status.ContainerStatuses[0].ImageID != "i" {
		t.Errorf("%+v", kept)
	}
}

func TestConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: a,
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: t}}],
contexts: [{name: a, context: {cluster: c, user: u, namespace: team}}, {name: b, context: {cluster: c, user: u}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ context, namespace, is string }{
		{"", "", "team"}, {"b", "", "default"}, {"", "own", "own"},
	} {
		_, namespace, err := Connect(Options{Kubeconfig: path, Context: test.context, Namespace: test.namespace, QPS: 1, Burst: 1})
		if err != nil || namespace != test.is {
			t.Errorf("%+v: %s %v", test, namespace, err)
		}
	}
	if _, _, err := Connect(Options{Kubeconfig: path, Context: "none"}); err == nil {
		t.Error("a context that is not there is taken")
	}
}
