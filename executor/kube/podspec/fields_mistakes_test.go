package podspec

import (
	"strings"
	"testing"

	pb "github.com/penstock/penstock/kube/gen/pods"
)

// Beginnings of settings.
const (
	secretNamed = `"secretNameParameter":{"runtimeValue":{"constant":`
	emptyDir    = `"emptyDirMounts":[{"volumeName":"a","mountPath":"/a"}`
)

// mistakes are settings, and words of what the author is told.
var mistakes = []struct{ settings, words string }{
	// --- Settings as a whole ---
	{`{`, "they are no JSON"},
	{`[1]`, "they are no JSON object"},
	{`{"secretAsVolumes":[]}`,
		`has the Kubernetes setting "secretAsVolumes", which Penstock does not know: it knows those of ` +
			"kfp-kubernetes 2.17 and init containers, which are newer. They are: activeDeadlineSeconds, configMapAsEnv,"},
	{`{"podResourceClaims":[]}`, "which no release of kfp-kubernetes has yet"},
	{`{"pvcMount":{}}`,
		"the setting pvcMount of the task (kfp-kubernetes: mount_pvc) makes no sense: it must be a list"},
	{`{"tolerations":[` + strings.Repeat("{},", 1000) + `{}]}`, "it has 1001 items, but may have at most 1000"},
	{`{"podAffinity":[3]}`, "the setting podAffinity[0] of the task makes no sense: it must be an object"},
	{`{"nodeSelector":[]}`, "it must be an object, not of the type array"},
	{`{"pvcMount":[{"mount_path":"/a","mountPath":"/b"}]}`, `the field "mountPath" is given twice`},
	{`{"secretAsEnv":[{"keyToEnv":[{"key":"k"}]}]}`,
		`secretAsEnv[0] of the task (kfp-kubernetes: use_secret_as_env) makes no sense: it has a field ` +
			`"keyToEnv[0].key", which is not known there`},

	// --- Names ---
	{`{"secretAsVolume":[{"mountPath":"/s"}]}`,
		"it names no object: secretNameParameter must be the name of a Secret"},
	{`{"secretAsVolume":[{` + secretNamed + `5}}}]}`,
		`secretNameParameter must be a text, the name of a Secret, not "5"`},
	{`{"secretAsVolume":[{` + secretNamed + `""}},"mountPath":"/s"}]}`,
		`secretNameParameter is "", which cannot be the name of a Secret`},
	{`{"imagePullSecret":[{` + secretNamed + `"My_Secret"}}}]}`,
		`secretNameParameter is "My_Secret", which cannot be the name of a Secret: names consist of`},
	{`{"configMapAsEnv":[{}]}`, "configMapNameParameter must be the name of a ConfigMap"},
	{`{"pvcMount":[{"pvcNameParameter":{},"mountPath":"/data"}]}`,
		"pvcNameParameter has no value; it must be the name of a PersistentVolumeClaim"},

	// --- Variables ---
	{`{"secretAsEnv":[{"secretName":"s","keyToEnv":[{"secretKey":"a/b","envVar":"A"}]}]}`,
		`"a/b" cannot be a key of a Secret`},
	{`{"secretAsEnv":[{"secretName":"s","keyToEnv":[{"secretKey":"a"}]}]}`,
		`"" cannot be the name of an environment variable`},
	{`{"fieldPathAsEnv":[{"name":"A","fieldPath":"spec.node"}]}`,
		`fieldPath is "spec.node"; it must be one of metadata.name,`},

	// --- Volumes ---
	{`{"pvcMount":[{"constant":"c","mountPath":"/a","subPath":"../b"}]}`,
		`subPath is "../b"; it must be a path within the volume`},
	{`{"secretAsVolume":[{"secretName":"s"}]}`, "mountPath is empty"},
	{`{"secretAsVolume":[{"secretName":"s","mountPath":"//"}]}`,
		"cannot be mounted in place of the whole image"},
	{`{"secretAsVolume":[{"secretName":"s","mountPath":"/penstock/bin/"}]}`,
		`secretAsVolume[0] of the task (kfp-kubernetes: use_secret_as_volume) makes no sense: ` +
			`mountPath is "/penstock/bin/", where Penstock has a volume of its own`},
	{`{"pvcMount":[{"constant":"c","mountPath":"/a"}],` + emptyDir + `]}`,
		`mountPath is "/a", where pvcMount[0] mounts another volume`},
	{`{` + emptyDir + `,{"mountPath":"/b"}]}`, "volumeName is empty"},
	{`{` + emptyDir + `,{"volumeName":"a","mountPath":"/b","medium":"Memory"}]}`,
		`there is another volume "a", of which other things are said`},
	{`{` + emptyDir + `,{"volumeName":"b","mountPath":"/b","medium":"Disk"}]}`,
		`medium is "Disk"; it must be Memory, HugePages or`},
	{`{` + emptyDir + `,{"volumeName":"b","mountPath":"/b","sizeLimit":"big"}]}`,
		`sizeLimit is "big", which is no quantity of Kubernetes`},
	{`{"enabledSharedMemory":{"size":"0"}}`, `size is "0", which is no quantity of Kubernetes above 0`},
	{`{"genericEphemeralVolume":[{"size":"1Gi"}]}`, "accessModes is empty"},
	{`{"genericEphemeralVolume":[{"size":"1Gi","accessModes":["ReadWrite"]}]}`,
		`accessModes is "ReadWrite"; it must be one of ReadWriteOnce,`},
	{`{"genericEphemeralVolume":[{"size":"1","accessModes":["ReadWriteOnce"],"metadata":{"a":{}}}]}`,
		`a field "metadata.a"`},

	// --- Where pods run ---
	{`{"nodeSelector":{"labels":{"a b":"c"}}}`, `"a b" cannot be the key of a label`},
	{`{"nodeSelector":{"nodeSelectorJson":{"runtimeValue":{"constant":{"a":1}}}}}`,
		"nodeSelectorJson must be an object of texts"},
	{`{"tolerations":[{"key":"a","effect":"Never"}]}`, `effect is "Never"; it must be one of NoSchedule`},
	{`{"tolerations":[{"key":"a","operator":"Is"}]}`, `operator is "Is"; it must be one of Equal, Exists`},
	{`{"tolerations":[{"value":"a"}]}`, "then operator must be Exists"},
	{`{"tolerations":[{"key":"a","operator":"Exists","value":"b"}]}`,
		`then value must be left out, not be "b"`},
	{`{"tolerations":[{"key":"a","tolerationSeconds":"9"}]}`,
		"tolerationSeconds makes sense only if effect is NoExecute"},
	{`{"tolerations":[{"key":"a","tolerationSeconds":"soon"}]}`, `"soon" stands where an integer must be`},
	{`{"tolerations":[{"tolerationJson":{"runtimeValue":{"constant":"gpu"}}}]}`,
		`tolerationJson must be a toleration, which is an object, or a list of them, not "\"gpu\""`},
	{`{"tolerations":[{"tolerationJson":{"runtimeValue":{"constant":{"k":"a"}}}}]}`,
		`tolerationJson: it has a field "k"`},
	{`{"nodeAffinity":[{"matchExpressions":[{"key":"a","operator":"In"}]}]}`,
		"operator is In, for which values must not be empty"},
	{`{"nodeAffinity":[{"matchExpressions":[{"key":"a","operator":"Exists"}],"weight":101.0}]}`,
		"weight is 101; it must be between 1 and 100"},
	{`{"nodeAffinity":[{"nodeAffinityJson":{"runtimeValue":{"constant":["a"]}}}]}`,
		"nodeAffinityJson must be a NodeAffinity of Kubernetes"},
	{`{"nodeAffinity":[{"nodeAffinityJson":{"runtimeValue":{"constant":{"required":[]}}}}]}`,
		`nodeAffinityJson: it has a field "required"`},
	{`{"podAffinity":[{"matchPodLabels":{"a":"b"}}]}`, "it must be the key of a label of nodes"},
	{`{"podAffinity":[{"topologyKey":"z","matchPodExpressions":[{"key":"a","operator":"Gt",` +
		`"values":["1"]}]}]}`,
		`operator is "Gt"; it must be one of In, NotIn, Exists, DoesNotExist`},

	// --- The pod and its containers ---
	{`{"podMetadata":{"labels":{"a":"b c"}}}`, `"b c" cannot be the value of the label "a"`},
	{`{"podMetadata":{"annotations":{"penstock.dev/verdict":"x"}}}`, "is Penstock's own"},
	{`{"podMetadata":{"labels":{"penstock.dev/pods":"3"}}}`, "is Penstock's own"},
	{`{"podMetadata":{"annotations":{"penstock.dev/pods":"1"}}}`, "a number from 2 to 1000, not \"1\""},
	{`{"podMetadata":{"annotations":{"penstock.dev/pods":"three"}}}`, "a number from 2 to 1000, not \"three\""},
	{`{"imagePullPolicy":"Sometimes"}`, `it is "Sometimes"; it must be one of Always, Never, IfNotPresent`},
	{`{"securityContext":{"runAsUser":"0","runAsNonRoot":true}}`,
		"runAsUser is 0, which is root, and runAsNonRoot is true"},
	{`{"securityContext":{"runAsGroup":"-1"}}`, "runAsGroup is -1; it must be between 0 and 2147483647"},
	{`{"initContainers":[{"name":"kfp-launcher","image":"i"}]}`,
		`name is "kfp-launcher", which is reserved`},
	{`{"initContainers":[{"name":"A","image":"i"}]}`, "the name of a container must consist of"},
	{`{"initContainers":[{"name":"a"}]}`, "image is empty"},
	{`{"initContainers":[{"name":"a","image":"i"},{"name":"a"}]}`,
		"initContainers[1] of the task (kfp-kubernetes: add_init_container) makes no sense: name is " +
			"\"a\", which another"},
	{`{"initContainers":[{"name":"a","image":"i","restartPolicy":"Never"}]}`,
		"it must be Always, which makes it a sidecar"},
	{`{"initContainers":[{"name":"a","image":"i","volumeMounts":[{"volumeName":"v"}]}]}`,
		`there is no volume "v": the task has none`},
	{`{` + emptyDir +
		`],"initContainers":[{"name":"a","image":"i","volumeMounts":[{"volumeName":"v"}]}]}`,
		`there is no volume "v": those of the task are a`},
	{`{` + emptyDir +
		`],"initContainers":[{"name":"a","image":"i","volumeMounts":[{"volumeName":"a","mountPath":"b"}]}]}`,
		`mountPath is "b"; it must be an absolute path`},
	{`{"pvcMount":[{"constant":"a","mountPath":"/b"}],` + emptyDir +
		`],"initContainers":[{"name":"a","image":"i","volumeMounts":[{"volumeName":"a"}]}]}`,
		`more than one volume is called "a"; say which: empty-dir-a, pvc-a`},
	{`{"initContainers":[{"name":"a","image":"i","resources":{"limits":{"cpu":"much"}}}]}`,
		`limits of "cpu" are "much"`},
}

func TestMistakesInSettings(t *testing.T) {
	for _, one := range mistakes {
		_, err := build(t, "", func(a *pb.Attempt) { a.Settings = one.settings })
		if err == nil || !strings.Contains(err.Error(), one.words) {
			t.Errorf("%s: %v", one.settings, err)
		}
	}
}

func TestServiceAccountOfTheRunComesFirst(t *testing.T) {
	for _, one := range []struct{ ofRun, settings, want string }{
		{"", "service_account: of-settings", "of-settings"},
		{"of-run", "service_account: of-settings", "of-run"},
		// What the server writes for a run that names none.
		{"pipeline-runner", "service_account: of-settings", "of-settings"},
		{"pipeline-runner", "", ""},
	} {
		pod, err := build(t, one.settings, func(a *pb.Attempt) { a.ServiceAccount = one.ofRun })
		if err != nil || pod.Spec.ServiceAccountName != one.want {
			t.Errorf("%+v: %q %v", one, pod.Spec.ServiceAccountName, err)
		}
	}
}

func TestTheLabelThatChoosesTheExecutorIsTaken(t *testing.T) {
	settings := `{"podMetadata":{"labels":{"penstock.dev/executor":"kubernetes"}}}`
	pod, err := build(t, "", func(a *pb.Attempt) { a.Settings = settings })
	if err != nil || pod.Labels["penstock.dev/executor"] != "kubernetes" {
		t.Errorf("%v", err)
	}
}

func TestLongTextsOfTheAuthorAreShortened(t *testing.T) {
	settings := `{"imagePullPolicy":"` + strings.Repeat("x", 10_000) + `"}`
	_, err := build(t, "", func(a *pb.Attempt) { a.Settings = settings })
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("%v", err)
	}
}

// FuzzSettings: whatever the settings are, there is a sentence or a pod without two of what must be there once.
func FuzzSettings(f *testing.F) {
	for _, one := range mistakes {
		f.Add(one.settings)
	}
	for _, settings := range settingsOf(f) {
		f.Add(settings)
	}
	f.Fuzz(func(t *testing.T, settings string) {
		if pod, err := build(t, "", func(a *pb.Attempt) { a.Settings = settings }); err == nil {
			checkNames(t, pod)
		}
	})
}
