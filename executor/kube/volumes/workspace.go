package volumes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/podspec"
)

// MakeWorkspace makes the claim of the run's workspace, if it is not there. Errors are cluster.Failure.
func (c *Claims) MakeWorkspace(ctx context.Context, attempt *pb.Attempt, namespace string) error {
	claim, err := workspaceOf(attempt)
	if err != nil {
		return err
	}
	claim.Labels = c.labels(attempt)
	delete(claim.Labels, podspec.AttemptLabel)
	delete(claim.Labels, podspec.TaskNameLabel)
	_, err = c.Client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{})
	failure := cluster.Told(err)
	if failure.Kind == cluster.Exists {
		return nil
	}
	return orNil(failure)
}

func workspaceOf(attempt *pb.Attempt) (*corev1.PersistentVolumeClaim, error) {
	if attempt.WorkspaceVolume == nil {
		return nil, invalid("the task uses the run's workspace, but the run has none")
	}
	size, err := podspec.Quantity(attempt.WorkspaceVolume.Size)
	if err != nil {
		return nil, invalid("the workspace's size %q is no quantity of Kubernetes", attempt.WorkspaceVolume.Size)
	}
	var patch struct {
		AccessModes  []corev1.PersistentVolumeAccessMode `json:"accessModes"`
		StorageClass *string                             `json:"storageClassName"`
	}
	if text := attempt.WorkspaceVolume.SpecPatch; text != "" {
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&patch); err != nil {
			return nil, invalid("the workspace's pvcSpecPatch makes no sense: %v; it takes accessModes and storageClassName", err)
		}
	}
	if len(patch.AccessModes) == 0 {
		patch.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	for _, mode := range patch.AccessModes {
		if !accessModes[mode] {
			return nil, invalid("the workspace's access mode %q is none that Kubernetes knows", mode)
		}
	}
	if patch.StorageClass != nil && *patch.StorageClass == "" {
		return nil, invalid("the workspace's storageClassName is empty; leave it out for the cluster's default")
	}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: podspec.WorkspaceName(attempt.RunId)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: patch.AccessModes, StorageClassName: patch.StorageClass,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}, nil
}

// RemoveWorkspace removes the claim of a run's workspace, if there is one of this server.
func (c *Claims) RemoveWorkspace(ctx context.Context, namespace, runID string) error {
	name := podspec.WorkspaceName(runID)
	err := c.Client.CoreV1().PersistentVolumeClaims(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	failure := cluster.Told(err)
	switch failure.Kind {
	case cluster.None, cluster.Missing:
		return nil
	}
	return fmt.Errorf("the workspace %s cannot be removed: %w", name, failure)
}
