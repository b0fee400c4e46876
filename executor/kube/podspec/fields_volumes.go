package podspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// volumeKey is an object of which there is one volume, however often it is mounted.
type volumeKey struct {
	kind string // what the volume's name begins with
	name string // as the author knows it
}

const (
	claimVolume     = "pvc"
	secretVolume    = "secret"
	configMapVolume = "config-map"
	ephemeralVolume = "ephemeral"
	emptyDirVolume  = "empty-dir"
)

type pvcMount struct {
	Constant         string     `json:"constant"`
	PVCNameParameter *parameter `json:"pvcNameParameter"`
	MountPath        string     `json:"mountPath"`
	SubPath          string     `json:"subPath"`
	// What older releases read. The server has put its value into pvcNameParameter.
	TaskOutputParameter     json.RawMessage `json:"taskOutputParameter"`
	ComponentInputParameter string          `json:"componentInputParameter"`
}

func (s *shaper) mountClaim(from *pvcMount) error {
	claim, err := nameOf("a PersistentVolumeClaim", "pvcNameParameter", from.PVCNameParameter, from.Constant)
	if err != nil {
		return err
	}
	if claim == "" {
		return fmt.Errorf("pvcNameParameter has no value; it must be the name of a PersistentVolumeClaim")
	}
	if path.IsAbs(from.SubPath) || slices.Contains(strings.Split(from.SubPath, "/"), "..") {
		return fmt.Errorf("subPath is %s; it must be a path within the volume: relative, and without \"..\"",
			shown(from.SubPath))
	}
	key := volumeKey{claimVolume, claim}
	s.volume(key, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}})
	return s.mount(key, from.MountPath, from.SubPath)
}

type secretAsVolume struct {
	SecretName          string     `json:"secretName"`
	SecretNameParameter *parameter `json:"secretNameParameter"`
	MountPath           string     `json:"mountPath"`
	Optional            bool       `json:"optional"`
}

func (s *shaper) mountSecret(from *secretAsVolume) error {
	secret, err := nameOf("a Secret", "secretNameParameter", from.SecretNameParameter, from.SecretName)
	if err != nil || secret == "" {
		return err
	}
	key := volumeKey{secretVolume, secret}
	volume := s.volume(key, corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secret, Optional: new(from.Optional)}})
	*volume.Secret.Optional = *volume.Secret.Optional && from.Optional // who needs it once needs it
	return s.mount(key, from.MountPath, "")
}

type configMapAsVolume struct {
	ConfigMapName          string     `json:"configMapName"`
	ConfigMapNameParameter *parameter `json:"configMapNameParameter"`
	MountPath              string     `json:"mountPath"`
	Optional               bool       `json:"optional"`
}

func (s *shaper) mountConfigMap(from *configMapAsVolume) error {
	configMap, err := nameOf("a ConfigMap", "configMapNameParameter", from.ConfigMapNameParameter, from.ConfigMapName)
	if err != nil || configMap == "" {
		return err
	}
	key := volumeKey{configMapVolume, configMap}
	volume := s.volume(key, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Optional: new(from.Optional)}})
	*volume.ConfigMap.Optional = *volume.ConfigMap.Optional && from.Optional
	return s.mount(key, from.MountPath, "")
}

type genericEphemeralVolume struct {
	VolumeName          string       `json:"volumeName"`
	MountPath           string       `json:"mountPath"`
	AccessModes         []string     `json:"accessModes"`
	Size                string       `json:"size"`
	DefaultStorageClass bool         `json:"defaultStorageClass"`
	StorageClassName    string       `json:"storageClassName"`
	Metadata            *podMetadata `json:"metadata"`
}

func (s *shaper) mountEphemeral(from *genericEphemeralVolume) error {
	size, err := quantityOf("size", from.Size)
	if err != nil {
		return err
	}
	claim := &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
	}}
	if len(from.AccessModes) == 0 {
		return fmt.Errorf("accessModes is empty; it must have at least one, such as \"ReadWriteOnce\"")
	}
	for _, mode := range from.AccessModes {
		err := oneOf("accessModes", mode, "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
		if err != nil {
			return err
		}
		claim.Spec.AccessModes = append(claim.Spec.AccessModes, corev1.PersistentVolumeAccessMode(mode))
	}
	if !from.DefaultStorageClass {
		claim.Spec.StorageClassName = new(from.StorageClassName)
	}
	if from.Metadata != nil {
		if err := from.Metadata.check(); err != nil {
			return err
		}
		claim.ObjectMeta = metav1.ObjectMeta{Labels: from.Metadata.Labels, Annotations: from.Metadata.Annotations}
	}
	return s.ownVolume(volumeKey{ephemeralVolume, from.VolumeName}, from.MountPath, corev1.VolumeSource{
		Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: claim}})
}

type emptyDirMount struct {
	VolumeName string `json:"volumeName"`
	MountPath  string `json:"mountPath"`
	Medium     string `json:"medium"`
	SizeLimit  string `json:"sizeLimit"`
}

func (s *shaper) mountEmptyDir(from *emptyDirMount) error {
	medium := corev1.StorageMedium(from.Medium)
	if !strings.HasPrefix(from.Medium, string(corev1.StorageMediumHugePagesPrefix)) {
		if err := oneOf("medium", from.Medium, "", "Memory", "HugePages"); err != nil {
			return fmt.Errorf("medium is %s; it must be Memory, HugePages or HugePages-SIZE, or be left out", shown(from.Medium))
		}
	}
	source := &corev1.EmptyDirVolumeSource{Medium: medium}
	if from.SizeLimit != "" {
		size, err := quantityOf("sizeLimit", from.SizeLimit)
		if err != nil {
			return err
		}
		source.SizeLimit = &size
	}
	return s.ownVolume(volumeKey{emptyDirVolume, from.VolumeName}, from.MountPath, corev1.VolumeSource{EmptyDir: source})
}

type enabledSharedMemory struct {
	VolumeName string `json:"volumeName"`
	Size       string `json:"size"`
}

func (s *shaper) mountSharedMemory(from *enabledSharedMemory) error {
	source := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	if from.Size != "" {
		size, err := quantityOf("size", from.Size)
		if err != nil {
			return err
		}
		source.SizeLimit = &size
	}
	name := from.VolumeName
	if name == "" {
		name = "shared-memory"
	}
	return s.ownVolume(volumeKey{emptyDirVolume, name}, "/dev/shm", corev1.VolumeSource{EmptyDir: source})
}

// ownVolume is of this pod alone. If it is mounted several times, what is said of it must be the same.
func (s *shaper) ownVolume(key volumeKey, at string, source corev1.VolumeSource) error {
	if key.name == "" {
		return fmt.Errorf("volumeName is empty; the volume must have a name")
	}
	if !bytes.Equal(asJSON(s.volume(key, source)), asJSON(source)) {
		return fmt.Errorf("there is another volume %s, of which other things are said; a volume that is mounted twice "+
			"must be described alike, and others must have other names", shown(key.name))
	}
	return s.mount(key, at, "")
}

// volume is that of the object: the one that is there, or else made of the source.
func (s *shaper) volume(key volumeKey, source corev1.VolumeSource) *corev1.VolumeSource {
	if _, is := s.volumes[key]; !is {
		s.volumes[key] = len(s.pod.Spec.Volumes)
		s.pod.Spec.Volumes = append(s.pod.Spec.Volumes, corev1.Volume{Name: s.freeName(key), VolumeSource: source})
	}
	return &s.pod.Spec.Volumes[s.volumes[key]].VolumeSource
}

// freeName makes a name of a volume out of that of an object, which may be longer, have dots, or be that of another
// object too.
func (s *shaper) freeName(key volumeKey) string {
	taken := map[string]bool{}
	for _, volume := range s.pod.Spec.Volumes {
		taken[volume.Name] = true
	}
	base := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(key.kind+"-"+key.name))
	const digits = len("-9999")
	name := strings.TrimRight(base[:min(len(base), validation.DNS1123LabelMaxLength-digits)], "-")
	for i, first := 2, name; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", first, i)
	}
	return name
}

// mount shows a volume in the main container.
func (s *shaper) mount(key volumeKey, at, subPath string) error {
	if at == "" {
		return fmt.Errorf("mountPath is empty; it must be the path at which the volume is seen")
	}
	if !path.IsAbs(at) {
		at = "/" + at // which is what the kubelet does
	}
	mount := corev1.VolumeMount{Name: s.pod.Spec.Volumes[s.volumes[key]].Name, MountPath: at, SubPath: subPath}
	if path.Clean(at) == "/" {
		return fmt.Errorf("mountPath is %s; a volume cannot be mounted in place of the whole image", shown(at))
	}
	for _, there := range s.main.VolumeMounts {
		if path.Clean(there.MountPath) != path.Clean(at) {
			continue
		}
		if there.Name == mount.Name && there.SubPath == subPath {
			return nil
		}
		by, is := s.mounted[path.Clean(at)]
		if !is {
			return fmt.Errorf("mountPath is %s, where Penstock has a volume of its own; choose another path", shown(at))
		}
		return fmt.Errorf("mountPath is %s, where %s mounts another volume; each needs a path of its own", shown(at), by)
	}
	s.mounted[path.Clean(at)] = s.at
	s.main.VolumeMounts = append(s.main.VolumeMounts, mount)
	return nil
}

// volumeNamed is the name in the pod of a volume that an init container calls as the author does.
func (s *shaper) volumeNamed(name string) (string, error) {
	var found, known []string
	for key, place := range s.volumes {
		volume := s.pod.Spec.Volumes[place].Name
		if volume == name {
			return volume, nil
		}
		if key.name == name {
			found = append(found, volume)
		}
		known = append(known, key.name)
	}
	slices.Sort(found)
	slices.Sort(known)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("more than one volume is called %s; say which: %s", shown(name), strings.Join(found, ", "))
	case len(known) == 0:
		return "", fmt.Errorf("there is no volume %s: the task has none, and init containers see those of the task",
			shown(name))
	}
	return "", fmt.Errorf("there is no volume %s: those of the task are %s", shown(name), strings.Join(known, ", "))
}
