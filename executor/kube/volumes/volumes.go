// Package volumes makes and removes the claims that pipelines ask for: CreatePVC, DeletePVC and the workspace of a run.
package volumes

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/penstock/penstock/kube/cluster"
	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/launch"
	"github.com/penstock/penstock/kube/podspec"
)

// Claims are those of one server.
type Claims struct {
	Client   kubernetes.Interface
	ServerID string
}

// Memory keeps that a removal was begun, so that one which is begun again knows why the claim is not there any more.
type Memory interface {
	Read(id string) ([]byte, error)
	Write(id string, text []byte) error
}

// removing is the id under which Memory keeps an attempt's begun removal.
func removing(attemptID string) string { return attemptID + RemovingSuffix }

// RemovingSuffix follows the attempt's id where Memory keeps a begun removal.
const RemovingSuffix = ".removing"

// parameters are the inputs of the components CreatePVC and DeletePVC.
type parameters struct {
	Name         string            `json:"pvc_name"`
	NameSuffix   string            `json:"pvc_name_suffix"`
	AccessModes  list              `json:"access_modes"`
	Size         string            `json:"size"`
	StorageClass *string           `json:"storage_class_name"`
	VolumeName   string            `json:"volume_name"`
	Annotations  map[string]string `json:"annotations"`
	DataSource   *struct {
		APIGroup *string `json:"apiGroup"`
		Kind     string  `json:"kind"`
		Name     string  `json:"name"`
	} `json:"data_source"`
}

// list may also come as a text that holds one.
type list []corev1.PersistentVolumeAccessMode

func (l *list) UnmarshalJSON(text []byte) error {
	var quoted string
	if json.Unmarshal(text, &quoted) == nil {
		text = []byte(quoted)
	}
	return json.Unmarshal(text, (*[]corev1.PersistentVolumeAccessMode)(l))
}

func invalid(format string, arguments ...any) error {
	return cluster.Failure{Kind: cluster.Refused, Reason: "InvalidVolume", Message: fmt.Sprintf(format, arguments...)}
}

// Run makes or removes the claim that an attempt asks for, and returns the Result that a launcher would have left. An
// attempt that is run again finds what it has done. Errors are cluster.Failure.
func (c *Claims) Run(ctx context.Context, attempt *pb.Attempt, namespace string, memory Memory) ([]byte, error) {
	var given parameters
	if err := json.Unmarshal([]byte(attempt.PersistentVolume.Parameters), &given); err != nil {
		return nil, invalid("the inputs of the volume's component make no sense: %v", err)
	}
	var err error
	name := given.Name
	if attempt.PersistentVolume.Remove {
		err = c.remove(ctx, attempt, namespace, name, memory)
	} else {
		name, err = c.create(ctx, attempt, namespace, &given)
	}
	if err != nil {
		return nil, err
	}
	return resultOf(name), nil
}

func resultOf(name string) []byte {
	text, _ := json.Marshal(launch.Result{Outputs: []json.RawMessage{}, Ended: &launch.Ended{
		FinishedAtUs: time.Now().UnixMicro(), ParameterFiles: map[string][]byte{"name": []byte(name)}}})
	return text
}

func (c *Claims) create(ctx context.Context, attempt *pb.Attempt, namespace string, given *parameters) (string, error) {
	claim, err := claimOf(attempt, given)
	if err != nil {
		return "", err
	}
	claim.Labels = c.labels(attempt)
	_, err = c.Client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, claim, metav1.CreateOptions{})
	failure := cluster.Told(err)
	if failure.Kind != cluster.Exists {
		return claim.Name, orNil(failure)
	}
	there, err := c.Client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, claim.Name, metav1.GetOptions{})
	if err != nil {
		return "", cluster.Told(err)
	}
	if there.Labels[podspec.AttemptLabel] == attempt.AttemptId {
		return claim.Name, nil
	}
	return "", cluster.Failure{Kind: cluster.Refused, Reason: "AlreadyExists", Message: fmt.Sprintf(
		"the PersistentVolumeClaim %q exists already in the namespace %s", claim.Name, namespace)}
}

func orNil(failure cluster.Failure) error {
	if failure.Kind == cluster.None {
		return nil
	}
	return failure
}

func (c *Claims) labels(attempt *pb.Attempt) map[string]string {
	return map[string]string{
		podspec.ServerLabel:   c.ServerID,
		podspec.AttemptLabel:  attempt.AttemptId,
		podspec.RunLabel:      podspec.LabelValue(attempt.RunId),
		podspec.TaskNameLabel: podspec.LabelValue(attempt.TaskName),
		"pipeline/runid":      podspec.LabelValue(attempt.RunId),
	}
}

var accessModes = map[corev1.PersistentVolumeAccessMode]bool{corev1.ReadWriteOnce: true, corev1.ReadOnlyMany: true,
	corev1.ReadWriteMany: true, corev1.ReadWriteOncePod: true}

func claimOf(attempt *pb.Attempt, given *parameters) (*corev1.PersistentVolumeClaim, error) {
	name := given.Name
	switch {
	case name != "" && given.NameSuffix != "":
		return nil, invalid("pvc_name and pvc_name_suffix are given both; one of them names the volume")
	case name == "":
		name = uuidOf(attempt.AttemptId) + given.NameSuffix
	}
	if len(given.AccessModes) == 0 {
		return nil, invalid("access_modes is missing or empty")
	}
	for _, mode := range given.AccessModes {
		if !accessModes[mode] {
			return nil, invalid("the access mode %q is none that Kubernetes knows", mode)
		}
	}
	size, err := podspec.Quantity(given.Size)
	if err != nil {
		return nil, invalid("the size %q is no quantity of Kubernetes", given.Size)
	}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: given.Annotations},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: given.AccessModes, StorageClassName: given.StorageClass, VolumeName: given.VolumeName,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
		},
	}
	if source := given.DataSource; source != nil {
		claim.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: source.APIGroup, Kind: source.Kind, Name: source.Name}
	}
	return claim, nil
}

// uuidOf is a UUID that is always the same for an attempt.
func uuidOf(attemptID string) string {
	sum := sha256.Sum256([]byte("penstock volume " + attemptID))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8: of our own making
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (c *Claims) remove(ctx context.Context, attempt *pb.Attempt, namespace, name string, memory Memory) error {
	if name == "" {
		return invalid("pvc_name is missing: the volume that is to be removed")
	}
	begun, err := memory.Read(removing(attempt.AttemptId))
	if err == nil && begun == nil {
		_, err = c.Client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return missing(cluster.Told(err), name, namespace)
		}
		err = memory.Write(removing(attempt.AttemptId), []byte("{}"))
	}
	if err != nil {
		return cluster.Failure{Kind: cluster.Away, Message: "that a volume is removed cannot be noted: " + err.Error()}
	}
	err = c.Client.CoreV1().PersistentVolumeClaims(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if failure := cluster.Told(err); failure.Kind != cluster.Missing {
		return orNil(failure)
	}
	return nil
}

func missing(failure cluster.Failure, name, namespace string) error {
	if failure.Kind == cluster.Missing {
		return cluster.Failure{Kind: cluster.Refused, Reason: "NotFound", Message: fmt.Sprintf(
			"the PersistentVolumeClaim %q does not exist in the namespace %s", name, namespace)}
	}
	return failure
}
