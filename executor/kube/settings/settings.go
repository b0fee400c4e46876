// Package settings reads what the administrator says of pods: one YAML file.
package settings

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/penstock/penstock/kube/limits"
)

// Settings are what one file says, with defaults for what it leaves out. Constant after Read.
type Settings struct {
	Scope
	Launcher Launcher `json:"launcher"`
	// Whether the key stores.yaml of StoresSecret is the settings file of stores.
	StoresSettings bool   `json:"stores_settings"`
	Report         Report `json:"report"`
	// Seconds that a pod may take until its program runs; 0: as long as it likes.
	PendingTimeoutS *int64 `json:"-"` // by flag
	// Seconds for which an image may fail to be pulled, or a container to be made.
	ImageTimeoutS *int64 `json:"image_timeout_s"`
	// Seconds after which a pod is lost whose node has ceased to speak.
	NodeLostS *int64 `json:"node_lost_s"`
	Pods      Pods   `json:"pods"`
	// Settings that hold in a namespace, in place of those of all or, for Pod and Patch, over them.
	Namespaces map[string]Scope `json:"namespaces"`
	// Pods that may be alive at once.
	MaxPods int `json:"-"` // by flag
	// How many calls a second the API server is asked to take, lasting and in a burst.
	QPS   float32 `json:"qps"`
	Burst int     `json:"burst"`
}

// Scope is what a namespace may say otherwise.
type Scope struct {
	ServiceAccount string `json:"service_account"`
	// A Secret with settings and credentials of stores: files, and variables of the launcher where a key is named like one.
	// It may be absent. It is mounted beside the task's program, which can read it as well.
	StoresSecret string `json:"stores_secret"`
	// Parts of a Pod that every pod has, unless the task says otherwise.
	Pod json.RawMessage `json:"pod"`
	// A strategic merge patch that is applied last.
	Patch json.RawMessage `json:"patch"`
}

// Launcher says where penstock-launch comes from.
type Launcher struct {
	Image  string `json:"image"`
	Source string `json:"source"` // InitContainer or ImageVolume
	// Its path in the image.
	Command   string                       `json:"command"`
	Resources *corev1.ResourceRequirements `json:"resources"` // of the init container
}

// Values of Launcher.Source.
const (
	InitContainer = "init_container"
	ImageVolume   = "image_volume"
)

// Report is the door for launchers; both empty: there is none.
type Report struct {
	Listen string `json:"listen"` // HOST:PORT
	URL    string `json:"url"`    // under which pods reach it
}

// Pods says what becomes of pods that have ended.
type Pods struct {
	Succeeded Removal `json:"succeeded"`
	Failed    Removal `json:"failed"`
}

// Removal says when a pod goes whose end is committed: "delete" (at once), "keep", or seconds.
type Removal struct {
	Keep  bool
	After time.Duration
}

// UnmarshalJSON takes the three spellings.
func (r *Removal) UnmarshalJSON(text []byte) error {
	word := string(text)
	var quoted string
	if json.Unmarshal(text, &quoted) == nil {
		word = quoted
	}
	switch word {
	case "delete":
		*r = Removal{}
		return nil
	case "keep":
		*r = Removal{Keep: true}
		return nil
	}
	seconds, err := strconv.ParseInt(word, 10, 32)
	if err != nil || seconds < 0 {
		return fmt.Errorf("%s is neither delete nor keep nor a number of seconds", word)
	}
	*r = Removal{After: time.Duration(seconds) * time.Second}
	return nil
}

// Default is what holds without a file.
func Default() *Settings {
	return &Settings{
		Launcher: Launcher{Source: InitContainer, Command: "/usr/local/bin/penstock-launch"},
		Pods:     Pods{Failed: Removal{After: limits.FailedKept}},
		MaxPods:  limits.MaxPods,
		QPS:      limits.QPS,
		Burst:    limits.Burst,
	}
}

// Read takes the file at path.
func Read(path string) (*Settings, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the settings of pods cannot be read: %v", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limits.SettingsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the settings of pods %s cannot be read: %v", path, err)
	}
	if len(text) > limits.SettingsBytes {
		return nil, fmt.Errorf("the settings of pods %s have more than %d bytes", path, limits.SettingsBytes)
	}
	settings, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the settings of pods %s make no sense: %v", path, err)
	}
	return settings, nil
}

// Parse takes the text of a file.
func Parse(text []byte) (*Settings, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	settings := Default()
	if string(asJSON) != "null" {
		if err := strict(asJSON, settings); err != nil {
			return nil, err
		}
	}
	return settings, settings.check()
}

// strict refuses unknown keys.
func strict(text []byte, into any) error {
	problems, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		return suggest(problem, into)
	}
	return nil
}

func (s *Settings) check() error {
	if s.Launcher.Image == "" {
		return fmt.Errorf("launcher.image is missing: the image that holds penstock-launch")
	}
	if s.Launcher.Source != InitContainer && s.Launcher.Source != ImageVolume {
		return fmt.Errorf("launcher.source must be %s or %s, not %q", InitContainer, ImageVolume, s.Launcher.Source)
	}
	if len(s.Launcher.Command) < 2 || s.Launcher.Command[0] != '/' {
		return fmt.Errorf("launcher.command must be an absolute path, not %q", s.Launcher.Command)
	}
	if (s.Report.Listen == "") != (s.Report.URL == "") {
		return fmt.Errorf("report.listen and report.url are given both or neither")
	}
	if s.MaxPods < 1 || s.QPS <= 0 || s.Burst < 1 {
		return fmt.Errorf("max_pods, qps and burst must be above 0")
	}
	for name, value := range map[string]*int64{"pending_timeout_s": s.PendingTimeoutS, "image_timeout_s": s.ImageTimeoutS,
		"node_lost_s": s.NodeLostS} {
		if value != nil && *value < 0 {
			return fmt.Errorf("%s must not be below 0", name)
		}
	}
	if err := s.Scope.check(""); err != nil {
		return err
	}
	for namespace, scope := range s.Namespaces {
		if err := scope.check("namespaces." + namespace + "."); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scope) check(prefix string) error {
	for name, text := range map[string]json.RawMessage{"pod": s.Pod, "patch": s.Patch} {
		if len(text) == 0 {
			continue
		}
		if name == "patch" { // may hold directives, which no Pod has
			var any map[string]any
			if err := json.Unmarshal(text, &any); err != nil {
				return fmt.Errorf("%spatch must be a part of a Pod", prefix)
			}
			continue
		}
		if err := strict(text, &corev1.PodTemplateSpec{}); err != nil {
			return fmt.Errorf("%s%s: %v", prefix, name, err)
		}
	}
	return nil
}

// In is what holds in a namespace, and the Pods and the Patches there, what counts less first.
func (s *Settings) In(namespace string) (scope Scope, pods, patches []json.RawMessage) {
	scope = s.Scope
	own, known := s.Namespaces[namespace]
	for _, one := range []Scope{s.Scope, own} {
		if len(one.Pod) > 0 {
			pods = append(pods, one.Pod)
		}
		if len(one.Patch) > 0 {
			patches = append(patches, one.Patch)
		}
	}
	if known && own.ServiceAccount != "" {
		scope.ServiceAccount = own.ServiceAccount
	}
	if known && own.StoresSecret != "" {
		scope.StoresSecret = own.StoresSecret
	}
	return scope, pods, patches
}

func seconds(value *int64, otherwise time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	return time.Duration(*value) * time.Second
}

// PendingTimeout is how long a pod may take until its program runs; 0: no bound.
func (s *Settings) PendingTimeout() time.Duration {
	return seconds(s.PendingTimeoutS, limits.PendingTimeout)
}

// ImageTimeout is how long an image may fail to come.
func (s *Settings) ImageTimeout() time.Duration { return seconds(s.ImageTimeoutS, limits.ImageTimeout) }

// NodeLostTimeout is how long a node may be silent.
func (s *Settings) NodeLostTimeout() time.Duration {
	return seconds(s.NodeLostS, limits.NodeLostTimeout)
}
