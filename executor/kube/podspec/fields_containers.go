package podspec

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

type podMetadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func (m *podMetadata) check() error {
	if err := checkLabels(m.Labels); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(m.Annotations)) {
		if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			return fmt.Errorf("%s cannot be the key of an annotation: keys are like example.com/name, of letters, digits, "+
				"\"-\", \"_\" and \".\"", shown(key))
		}
	}
	return nil
}

const (
	ownPrefix       = "penstock.dev/"        // of labels and annotations by which the program steers
	executorLabel   = ownPrefix + "executor" // the author's choice of an executor, which the server reads
	istioAnnotation = "sidecar.istio.io/inject"
)

// addMetadata leaves alone what is there already, as KFP does, but for the one annotation that is a default.
func (s *shaper) addMetadata(from *podMetadata) error {
	if err := from.check(); err != nil {
		return err
	}
	for _, one := range []struct {
		keys    map[string]string
		allowed string
	}{{from.Labels, executorLabel}, {from.Annotations, PodsAnnotation}} {
		for _, key := range slices.Sorted(maps.Keys(one.keys)) {
			if strings.HasPrefix(key, ownPrefix) && key != one.allowed {
				return fmt.Errorf("%s is Penstock's own; choose a key that does not begin with %s", shown(key), ownPrefix)
			}
		}
	}
	if text, is := from.Annotations[PodsAnnotation]; is {
		if _, err := podsIn(text); err != nil {
			return err
		}
	}
	for key, value := range from.Labels {
		if _, is := s.pod.Labels[key]; !is {
			metav1.SetMetaDataLabel(&s.pod.ObjectMeta, key, value)
		}
	}
	for key, value := range from.Annotations {
		if _, is := s.pod.Annotations[key]; !is || key == istioAnnotation {
			metav1.SetMetaDataAnnotation(&s.pod.ObjectMeta, key, value)
		}
	}
	return nil
}

type imagePullSecret struct {
	SecretName          string     `json:"secretName"`
	SecretNameParameter *parameter `json:"secretNameParameter"`
}

func (s *shaper) pullWith(from *imagePullSecret) error {
	secret, err := nameOf("a Secret", "secretNameParameter", from.SecretNameParameter, from.SecretName)
	if err != nil || secret == "" {
		return err
	}
	reference := corev1.LocalObjectReference{Name: secret}
	if !slices.Contains(s.pod.Spec.ImagePullSecrets, reference) {
		s.pod.Spec.ImagePullSecrets = append(s.pod.Spec.ImagePullSecrets, reference)
	}
	return nil
}

func (s *shaper) pullWhen(policy *string) error {
	if *policy == "" {
		return nil
	}
	if err := oneOf("it", *policy, "Always", "Never", "IfNotPresent"); err != nil {
		return err
	}
	s.main.ImagePullPolicy = corev1.PullPolicy(*policy)
	return nil
}

// knowTimeout does nothing: the server reads it, and bounds the attempt with it.
func (s *shaper) knowTimeout(*integer) error { return nil }

type securityContext struct {
	RunAsUser    *integer `json:"runAsUser"`
	RunAsGroup   *integer `json:"runAsGroup"`
	RunAsNonRoot *bool    `json:"runAsNonRoot"`
}

// runAs adds to the main container's security context, which drops all capabilities as KFP's does.
func (s *shaper) runAs(from *securityContext) error {
	for _, id := range []struct {
		name  string
		value *integer
	}{{"runAsUser", from.RunAsUser}, {"runAsGroup", from.RunAsGroup}} {
		if id.value != nil && len(validation.IsValidUserID(int64(*id.value))) > 0 {
			return fmt.Errorf("%s is %d; it must be between 0 and 2147483647", id.name, *id.value)
		}
	}
	if from.RunAsUser != nil && *from.RunAsUser == 0 && from.RunAsNonRoot != nil && *from.RunAsNonRoot {
		return fmt.Errorf("runAsUser is 0, which is root, and runAsNonRoot is true; give another user, or " +
			"leave out one of them")
	}
	context := s.main.SecurityContext
	context.RunAsUser = (*int64)(from.RunAsUser)
	context.RunAsGroup = (*int64)(from.RunAsGroup)
	context.RunAsNonRoot = from.RunAsNonRoot
	return nil
}

type initContainer struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Env     []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
	VolumeMounts []struct {
		VolumeName string `json:"volumeName"`
		MountPath  string `json:"mountPath"`
	} `json:"volumeMounts"`
	RestartPolicy string `json:"restartPolicy"`
	Resources     struct {
		Requests map[string]string `json:"requests"`
		Limits   map[string]string `json:"limits"`
	} `json:"resources"`
}

// reservedNames are of containers that KFP or Penstock makes.
var reservedNames = []string{Main, Launcher, "kfp-launcher"}

func (s *shaper) addInitContainer(from *initContainer) error {
	if err := s.checkInitContainer(from); err != nil {
		return err
	}
	made := corev1.Container{Name: from.Name, Image: from.Image, Command: from.Command, Args: from.Args,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	if from.RestartPolicy != "" {
		made.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	}
	for _, variable := range from.Env {
		if err := checkVariable(variable.Name); err != nil {
			return err
		}
		made.Env = append(made.Env, corev1.EnvVar{Name: variable.Name, Value: variable.Value})
	}
	made.Env = lastOfEach(made.Env)
	for _, mount := range from.VolumeMounts {
		volume, err := s.volumeNamed(mount.VolumeName)
		if err != nil {
			return err
		}
		if !path.IsAbs(mount.MountPath) {
			return fmt.Errorf("mountPath is %s; it must be an absolute path", shown(mount.MountPath))
		}
		made.VolumeMounts = append(made.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: mount.MountPath})
	}
	var err error
	if made.Resources.Requests, err = resourceList("requests", from.Resources.Requests); err != nil {
		return err
	}
	if made.Resources.Limits, err = resourceList("limits", from.Resources.Limits); err != nil {
		return err
	}
	s.pod.Spec.InitContainers = append(s.pod.Spec.InitContainers, made)
	return nil
}

func (s *shaper) checkInitContainer(from *initContainer) error {
	if len(validation.IsDNS1123Label(from.Name)) > 0 {
		return fmt.Errorf("name is %s; the name of a container must consist of up to 63 lower-case letters, digits and \"-\"",
			shown(from.Name))
	}
	if slices.Contains(reservedNames, from.Name) {
		return fmt.Errorf("name is %s, which is reserved; choose another name", shown(from.Name))
	}
	for _, there := range s.pod.Spec.InitContainers {
		if there.Name == from.Name {
			return fmt.Errorf("name is %s, which another init container has; each needs a name of its own", shown(from.Name))
		}
	}
	if from.Image == "" {
		return fmt.Errorf("image is empty; an init container must have one")
	}
	if from.RestartPolicy != "" && from.RestartPolicy != "Always" {
		return fmt.Errorf("restartPolicy is %s; it must be Always, which makes it a sidecar, or be left out",
			shown(from.RestartPolicy))
	}
	return nil
}

func resourceList(field string, given map[string]string) (corev1.ResourceList, error) {
	if len(given) == 0 {
		return nil, nil
	}
	list := corev1.ResourceList{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		quantity, err := Quantity(given[name])
		if err != nil || quantity.Sign() < 0 {
			return nil, fmt.Errorf("%s of %s are %s, which is no quantity of Kubernetes, such as \"500m\" or \"1Gi\"", field,
				shown(name), shown(given[name]))
		}
		list[corev1.ResourceName(name)] = quantity
	}
	return list, nil
}
