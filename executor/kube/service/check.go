package service

import (
	"context"
	"fmt"
	"io"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
	"github.com/penstock/penstock/kube/settings"
)

type right struct{ verb, resource, subresource string }

// Rights are all that the program needs in a namespace.
var rights = []right{
	{"create", "pods", ""}, {"get", "pods", ""}, {"list", "pods", ""}, {"watch", "pods", ""}, {"patch", "pods", ""},
	{"delete", "pods", ""}, {"get", "pods", "log"}, {"create", "persistentvolumeclaims", ""},
	{"get", "persistentvolumeclaims", ""}, {"delete", "persistentvolumeclaims", ""}, {"get", "namespaces", ""},
}

// wishes are rights that it can do without.
var wishes = []right{{"list", "events", ""}, {"watch", "events", ""}}

// Check prints each right, whether it is there, and whether a pod would be taken. False: something is missing.
func Check(ctx context.Context, client kubernetes.Interface, s *settings.Settings, namespace, serverID string, out io.Writer) bool {
	all := true
	for _, one := range rights {
		is, err := may(ctx, client, namespace, one)
		all = all && is
		fmt.Fprintf(out, "%-40s %s\n", one, answer(is, err))
	}
	for _, one := range wishes {
		is, err := may(ctx, client, namespace, one)
		words := answer(is, err)
		if !is {
			words += " (then less is told of pods that wait)"
		}
		fmt.Fprintf(out, "%-40s %s\n", one, words)
	}
	err := tryPod(ctx, client, s, namespace, serverID)
	if err != nil {
		fmt.Fprintf(out, "%-40s no: %v\n", "a pod in "+namespace, err)
		return false
	}
	fmt.Fprintf(out, "%-40s yes\n", "a pod in "+namespace)
	return all
}

func (r right) String() string {
	if r.subresource != "" {
		return r.verb + " " + r.resource + "/" + r.subresource
	}
	return r.verb + " " + r.resource
}

func answer(is bool, err error) string {
	switch {
	case err != nil:
		return "unknown: " + cluster.Told(err).Message
	case is:
		return "yes"
	}
	return "no"
}

func may(ctx context.Context, client kubernetes.Interface, namespace string, one right) (bool, error) {
	attributes := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: one.verb, Resource: one.resource,
		Subresource: one.subresource}
	if one.resource == "namespaces" {
		attributes.Name = namespace
	}
	review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// tryPod asks for a pod like those of attempts, and makes none.
func tryPod(ctx context.Context, client kubernetes.Interface, s *settings.Settings, namespace, serverID string) error {
	pod, err := podspec.Build(&pb.Attempt{AttemptId: "check", RunId: "check", TaskId: "check", TaskName: "check",
		Image: "busybox", Request: []byte(`{"command":["true"],"pod":{}}`), WorkDir: "/penstock/work/check"},
		s, podspec.Place{ServerID: serverID, Namespace: namespace})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return cluster.Told(err)
	}
	return nil
}
