package podspec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

type secretAsEnv struct {
	SecretName          string     `json:"secretName"`
	SecretNameParameter *parameter `json:"secretNameParameter"`
	Optional            *bool      `json:"optional"`
	KeyToEnv            []struct {
		SecretKey string `json:"secretKey"`
		EnvVar    string `json:"envVar"`
	} `json:"keyToEnv"`
}

func (s *shaper) secretVariables(from *secretAsEnv) error {
	secret, err := nameOf("a Secret", "secretNameParameter", from.SecretNameParameter, from.SecretName)
	if err != nil || secret == "" {
		return err
	}
	for _, pair := range from.KeyToEnv {
		if err := checkKey("a Secret", pair.SecretKey); err != nil {
			return err
		}
		if err := s.addVariable(pair.EnvVar, &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: pair.SecretKey, Optional: from.Optional,
		}}); err != nil {
			return err
		}
	}
	return nil
}

type configMapAsEnv struct {
	ConfigMapName          string     `json:"configMapName"`
	ConfigMapNameParameter *parameter `json:"configMapNameParameter"`
	Optional               *bool      `json:"optional"`
	KeyToEnv               []struct {
		ConfigMapKey string `json:"configMapKey"`
		EnvVar       string `json:"envVar"`
	} `json:"keyToEnv"`
}

func (s *shaper) configMapVariables(from *configMapAsEnv) error {
	configMap, err := nameOf("a ConfigMap", "configMapNameParameter", from.ConfigMapNameParameter, from.ConfigMapName)
	if err != nil || configMap == "" {
		return err
	}
	for _, pair := range from.KeyToEnv {
		if err := checkKey("a ConfigMap", pair.ConfigMapKey); err != nil {
			return err
		}
		if err := s.addVariable(pair.EnvVar, &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Key: pair.ConfigMapKey, Optional: from.Optional,
		}}); err != nil {
			return err
		}
	}
	return nil
}

func checkKey(of, key string) error {
	if len(validation.IsConfigMapKey(key)) > 0 {
		return fmt.Errorf("%s cannot be a key of %s: keys consist of letters, digits, \"-\", \"_\" and \".\"", shown(key), of)
	}
	return nil
}

type fieldPathAsEnv struct {
	Name      string `json:"name"`
	FieldPath string `json:"fieldPath"`
}

// Fields of a pod that a variable can have. Kubernetes refuses others.
var (
	podFields = []string{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
	podMapField = regexp.MustCompile(`^metadata\.(labels|annotations)\['[^']+'\]$`)
)

func (s *shaper) fieldVariable(from *fieldPathAsEnv) error {
	if !slices.Contains(podFields, from.FieldPath) && !podMapField.MatchString(from.FieldPath) {
		return fmt.Errorf("fieldPath is %s; it must be one of %s, metadata.labels['KEY'], metadata.annotations['KEY']",
			shown(from.FieldPath), strings.Join(podFields, ", "))
	}
	return s.addVariable(from.Name, &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: from.FieldPath}})
}

func (s *shaper) addVariable(name string, from *corev1.EnvVarSource) error {
	if err := checkVariable(name); err != nil {
		return err
	}
	s.main.Env = append(s.main.Env, corev1.EnvVar{Name: name, ValueFrom: from})
	return nil
}

func checkVariable(name string) error {
	if len(validation.IsRelaxedEnvVarName(name)) > 0 {
		return fmt.Errorf("%s cannot be the name of an environment variable", shown(name))
	}
	return nil
}

// lastOfEach leaves of variables of one name the last, which is the one that Kubernetes takes.
func lastOfEach(env []corev1.EnvVar) []corev1.EnvVar {
	last := map[string]int{}
	for i, variable := range env {
		last[variable.Name] = i
	}
	var left []corev1.EnvVar
	for i, variable := range env {
		if last[variable.Name] == i {
			left = append(left, variable)
		}
	}
	return left
}
