package podspec

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	pb "github.com/penstock/penstock/kube/gen/pods"
	"github.com/penstock/penstock/kube/limits"
	"github.com/penstock/penstock/kube/settings"
)

func mainContainer(attempt *pb.Attempt, s *settings.Settings, arguments []string) (*corev1.Container, error) {
	resources, err := resourcesOf(attempt.Resources)
	if err != nil {
		return nil, err
	}
	program := binDir + "/penstock-launch"
	if s.Launcher.Source == settings.ImageVolume {
		program = binDir + s.Launcher.Command
	}
	return &corev1.Container{
		Name:                     Main,
		Image:                    attempt.Image,
		Command:                  []string{program, "pod"},
		Args:                     arguments,
		Env:                      environment(attempt),
		Resources:                resources,
		TerminationMessagePath:   terminationPath,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}, nil
}

// environment is that of the author, and what KFP and Penstock give besides. The server has expanded the author's values;
// a "$" that is left stands for itself.
func environment(attempt *pb.Attempt) []corev1.EnvVar {
	given := map[string]bool{}
	var env []corev1.EnvVar
	for _, variable := range attempt.Env {
		given[variable.Name] = true
		env = append(env, corev1.EnvVar{Name: variable.Name, Value: strings.ReplaceAll(variable.Value, "$", "$$")})
	}
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name,
			ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	plain := func(name, value string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, Value: strings.ReplaceAll(value, "$", "$$")}
	}
	for _, variable := range []corev1.EnvVar{
		field("KFP_POD_NAME", "metadata.name"),
		field("KFP_POD_UID", "metadata.uid"),
		plain("PENSTOCK_RUN_ID", attempt.RunId),
		plain("PENSTOCK_TASK_ID", attempt.TaskId),
		plain("PENSTOCK_TASK_NAME", attempt.TaskName),
		plain("PENSTOCK_ATTEMPT", fmt.Sprint(attempt.AttemptNumber)),
	} {
		if !given[variable.Name] {
			env = append(env, variable)
		}
	}
	return env
}

func resourcesOf(r *pb.Resources) (corev1.ResourceRequirements, error) {
	requests, limited := corev1.ResourceList{}, corev1.ResourceList{}
	for _, one := range []struct {
		list  corev1.ResourceList
		name  corev1.ResourceName
		text  string
		words string
	}{
		{requests, corev1.ResourceCPU, r.GetCpuRequest(), "the CPU request"},
		{limited, corev1.ResourceCPU, r.GetCpuLimit(), "the CPU limit"},
		{requests, corev1.ResourceMemory, r.GetMemoryRequest(), "the memory request"},
		{limited, corev1.ResourceMemory, r.GetMemoryLimit(), "the memory limit"},
		{limited, corev1.ResourceName(r.GetAcceleratorType()), r.GetAcceleratorCount(), "the number of accelerators"},
	} {
		if one.text == "" || one.name == "" {
			continue
		}
		quantity, err := Quantity(one.text)
		if err != nil {
			return corev1.ResourceRequirements{}, fmt.Errorf("%s %q is no quantity of Kubernetes", one.words, one.text)
		}
		one.list[one.name] = quantity
	}
	var resources corev1.ResourceRequirements
	if len(requests) > 0 {
		resources.Requests = requests
	}
	if len(limited) > 0 {
		resources.Limits = limited
	}
	return resources, nil
}

// Quantity reads one as KFP spells it: its "K" is Kubernetes' "k".
func Quantity(text string) (resource.Quantity, error) {
	text = strings.TrimSpace(text)
	if number, is := strings.CutSuffix(text, "K"); is {
		text = number + "k"
	}
	return resource.ParseQuantity(text)
}

func addVolumes(pod *corev1.Pod, attempt *pb.Attempt, s *settings.Settings, scope settings.Scope) error {
	main := &pod.Spec.Containers[0]
	add := func(name, at string, readOnly bool, source corev1.VolumeSource) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: at, ReadOnly: readOnly})
	}
	if s.Launcher.Source == settings.ImageVolume {
		add(binVolume, binDir, true, corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: s.Launcher.Image}})
	} else {
		add(binVolume, binDir, true, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, launcherContainer(s))
	}
	work, err := workMount(attempt.WorkDir)
	if err != nil {
		return err
	}
	add(workVolume, work, false, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	if scope.StoresSecret != "" {
		add(storesVolume, storesDir, true, corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: scope.StoresSecret, Optional: new(true)}})
	}
	if attempt.Workspace != "" {
		if attempt.WorkspaceVolume == nil {
			return fmt.Errorf("the task uses the run's workspace, but the run has none")
		}
		add(workspaceVolume, attempt.Workspace, false, corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: WorkspaceName(attempt.RunId)}})
	}
	return nil
}

// workMount is where the pod's own volume is seen: the first part of the path, or the first two below /penstock, where
// other volumes are too.
func workMount(workDir string) (string, error) {
	parts := strings.SplitN(strings.TrimPrefix(path.Clean(workDir), "/"), "/", 3)
	if !path.IsAbs(workDir) || parts[0] == "" {
		return "", fmt.Errorf("the work directory %q is no absolute path below /", workDir)
	}
	if parts[0] == "penstock" {
		if len(parts) < 2 || "/penstock/"+parts[1] == binDir || "/penstock/"+parts[1] == storesDir {
			return "", fmt.Errorf("the work directory %q is taken by other volumes of the pod", workDir)
		}
		return "/penstock/" + parts[1], nil
	}
	return "/" + parts[0], nil
}

func launcherContainer(s *settings.Settings) corev1.Container {
	small := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(limits.LauncherCPU),
		corev1.ResourceMemory: resource.MustParse(limits.LauncherMemory),
	}
	container := corev1.Container{
		Name:    Launcher,
		Image:   s.Launcher.Image,
		Command: []string{s.Launcher.Command, "copy", binDir + "/penstock-launch"},
		Resources: corev1.ResourceRequirements{
			Requests: small,
			Limits:   corev1.ResourceList{corev1.ResourceMemory: small[corev1.ResourceMemory]},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: binVolume, MountPath: binDir}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			RunAsNonRoot:             new(true),
			RunAsUser:                new(int64(limits.LauncherUser)),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	if s.Launcher.Resources != nil {
		container.Resources = *s.Launcher.Resources
	}
	return container
}
