package podspec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/penstock/penstock/kube/limits"
)

// settingField is one of KubernetesExecutorConfig.
type settingField struct {
	name     string // as in JSON
	function string // of kfp-kubernetes, which writes it; empty: none does yet
	apply    func(*shaper, json.RawMessage) error
}

// settingFields are in the order in which they are applied: that of KFP for volumes and for variables. Init containers
// come last, since they name volumes of the others.
var settingFields = []settingField{
	{"pvcMount", "mount_pvc", each((*shaper).mountClaim)},
	{"secretAsVolume", "use_secret_as_volume", each((*shaper).mountSecret)},
	{"configMapAsVolume", "use_config_map_as_volume", each((*shaper).mountConfigMap)},
	{"genericEphemeralVolume", "add_ephemeral_volume", each((*shaper).mountEphemeral)},
	{"emptyDirMounts", "empty_dir_mount", each((*shaper).mountEmptyDir)},
	{"enabledSharedMemory", "", one((*shaper).mountSharedMemory)},
	{"secretAsEnv", "use_secret_as_env", each((*shaper).secretVariables)},
	{"configMapAsEnv", "use_config_map_as_env", each((*shaper).configMapVariables)},
	{"fieldPathAsEnv", "use_field_path_as_env", each((*shaper).fieldVariable)},
	{"nodeSelector", "add_node_selector, add_node_selector_json", one((*shaper).selectNodes)},
	{"tolerations", "add_toleration, add_toleration_json", each((*shaper).tolerate)},
	{"nodeAffinity", "add_node_affinity, add_node_affinity_json", each((*shaper).preferNodes)},
	{"podAffinity", "", each((*shaper).preferPods)},
	{"podMetadata", "add_pod_label, add_pod_annotation", one((*shaper).addMetadata)},
	{"imagePullSecret", "set_image_pull_secrets", each((*shaper).pullWith)},
	{"imagePullPolicy", "set_image_pull_policy", one((*shaper).pullWhen)},
	{"activeDeadlineSeconds", "set_timeout", one((*shaper).knowTimeout)},
	{"securityContext", "set_security_context", one((*shaper).runAs)},
	{"initContainers", "add_init_container", each((*shaper).addInitContainer)},
}

// Fields of KFP's development that no release of kfp-kubernetes has.
var unreleased = map[string]bool{"podResourceClaims": true}

// shaper is a pod while the settings of its task are applied.
type shaper struct {
	pod     *corev1.Pod
	main    *corev1.Container
	at      string            // the setting that is applied: "pvcMount[1]"
	volumes map[volumeKey]int // those that the settings brought, by their places in the pod
	mounted map[string]string // a path of the main container, and the setting that mounts there
}

// applySettings makes the pod what the task's KubernetesExecutorConfig asks for. Its errors are sentences for the user.
func applySettings(pod *corev1.Pod, settings json.RawMessage) error {
	if len(bytes.TrimSpace(settings)) == 0 {
		return nil
	}
	given, err := fieldsOf(settings)
	if err != nil {
		return err
	}
	s := &shaper{pod: pod, main: MainContainer(pod), volumes: map[volumeKey]int{}, mounted: map[string]string{}}
	for _, field := range settingFields {
		value, is := given[field.name]
		delete(given, field.name)
		if !is || string(value) == "null" {
			continue
		}
		s.at = field.name
		if err := field.apply(s, value); err != nil {
			return fmt.Errorf("the setting %s of the task%s makes no sense: %v", s.at, byFunction(field.function), err)
		}
	}
	if len(given) > 0 {
		return unknownSetting(slices.Min(slices.Collect(maps.Keys(given))))
	}
	s.main.Env = lastOfEach(s.main.Env)
	return nil
}

func byFunction(function string) string {
	if function == "" {
		return ""
	}
	return fmt.Sprintf(" (kfp-kubernetes: %s)", function)
}

func fieldsOf(settings json.RawMessage) (map[string]json.RawMessage, error) {
	tidied, err := tidy(settings, opaque)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes settings of the task make no sense: %v", err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(tidied, &fields); err != nil {
		return nil, fmt.Errorf("the Kubernetes settings of the task make no sense: they are no JSON object")
	}
	return fields, nil
}

func unknownSetting(name string) error {
	if unreleased[name] {
		return fmt.Errorf("the task has the Kubernetes setting %s, which no release of kfp-kubernetes has yet, and which "+
			"Penstock does not know; leave it out", shown(name))
	}
	known := make([]string, 0, len(settingFields))
	for _, field := range settingFields {
		known = append(known, field.name)
	}
	slices.Sort(known)
	return fmt.Errorf("the task has the Kubernetes setting %s, which Penstock does not know: it knows those of "+
		"kfp-kubernetes 2.17 and init containers, which are newer. They are: %s", shown(name), strings.Join(known, ", "))
}

// each applies a field that is a list.
func each[T any](apply func(*shaper, *T) error) func(*shaper, json.RawMessage) error {
	return func(s *shaper, value json.RawMessage) error {
		var items []json.RawMessage
		if json.Unmarshal(value, &items) != nil {
			return fmt.Errorf("it must be a list")
		}
		if len(items) > limits.SettingItems {
			return fmt.Errorf("it has %d items, but may have at most %d", len(items), limits.SettingItems)
		}
		field := s.at
		for i, item := range items {
			s.at = fmt.Sprintf("%s[%d]", field, i)
			if err := one(apply)(s, item); err != nil {
				return err
			}
		}
		return nil
	}
}

// one applies a field that is there once, or an item of a list.
func one[T any](apply func(*shaper, *T) error) func(*shaper, json.RawMessage) error {
	return func(s *shaper, value json.RawMessage) error {
		var read T
		if err := strictly(value, &read); err != nil {
			return err
		}
		return apply(s, &read)
	}
}
