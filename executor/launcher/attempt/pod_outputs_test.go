package attempt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/launcher/limits"
)

func TestInAPodWhatIsLeftIsRead(t *testing.T) {
	l := newPod(t, `cd out/deep; printf '{"x":1}' > executor_output.json; printf 'v\n' > a; : > empty; cat ../../given/file; umask`)
	out := l.path("out/deep")
	pod := l.request.Pod
	pod.Directories = []string{out, l.path("other/one")}
	pod.Files = []File{{Path: l.path("given/file"), Text: []byte("from the executor\n")}}
	pod.ExecutorOutput = out + "/executor_output.json"
	pod.ParameterFiles = []ParameterFile{{"a", out + "/a"}, {"empty", out + "/empty"}, {"absent", out + "/absent"}, {"no folder", out + "/a/b"}}
	if code := l.run(); code != 0 || !strings.HasPrefix(l.out.String(), "from the executor\n") || !l.has("other/one") {
		t.Errorf("exit code %d, %s", code, l.out.String())
	}
	e := l.ended()
	empty, isThere := e.ParameterFiles["empty"]
	if string(e.ExecutorOutput) != `{"x":1}` || string(e.ParameterFiles["a"]) != "v\n" || !isThere || len(empty) != 0 || len(e.ParameterFiles) != 2 || e.OutputsError != "" {
		t.Errorf("%+v", e)
	}
	// Of a command that failed nothing is read.
	l.request.Command[2] += "; exit 1"
	if code := l.run(); code != 1 || l.ended().ExecutorOutput != nil || l.ended().ParameterFiles != nil {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestInAPodOutputsThatCannotBeTakenAreNamed(t *testing.T) {
	for script, why := range map[string]string{
		fmt.Sprintf("head -c %d /dev/zero > out/hostname", limits.OutputParameterBytes+1): "has 4194305 bytes, the limit is 4194304.",
		"mkfifo out/hostname":                                           "is not a regular file.",
		"mkdir out/hostname":                                            "is not a regular file.",
		"ln -s /dev/zero out/hostname":                                  "is not a regular file.",
		"ln -s /etc/hostname out/hostname":                              "leads out of the task's directories through a symbolic link.",
		"rm -rf out && ln -s /etc out":                                  "leads out of the task's directories through a symbolic link.",
		"ln -s /proc/sys/kernel/hostname out/hostname":                  "leads out of the task's directories through a symbolic link.",
		"ln -s hostname out/hostname":                                   "cannot be opened (Too many levels of symbolic links).",
		"mkdir out2 && echo x > out2/x && ln -s ../out2/x out/hostname": "leads out of the task's directories through a symbolic link.",
	} {
		l := newPod(t, script)
		l.request.Pod.Directories = []string{l.path("out")}
		l.request.Pod.ParameterFiles = []ParameterFile{{"shape", l.path("out/hostname")}}
		code := l.run()
		want := "Output parameter 'shape' cannot be taken: the file " + l.path("out/hostname") + " " + why
		if e := l.ended(); code != ExitFailed || e.ExitCode != 0 || e.OutputsError != want || e.Error != "" || e.ParameterFiles != nil {
			t.Errorf("%s: exit code %d, %+v", script, code, e)
		}
	}
	l := newPod(t, fmt.Sprintf("head -c %d /dev/zero > out/report", limits.ExecutorOutputBytes+1))
	l.request.Pod.Directories = []string{l.path("out")}
	l.request.Pod.ExecutorOutput = l.path("out/report")
	if code := l.run(); code != ExitFailed || l.ended().OutputsError != "The executor output cannot be taken: the file "+l.path("out/report")+" has 16777217 bytes, the limit is 16777216." {
		t.Errorf("exit code %d, %+v", code, l.ended())
	}
}

func TestInAPodAllParametersTogetherAreBounded(t *testing.T) {
	l := newPod(t, "for i in 1 2 3 4 5; do head -c 4000000 /dev/zero > out/$i; done")
	l.request.Pod.Directories = []string{l.path("out")}
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		l.request.Pod.ParameterFiles = append(l.request.Pod.ParameterFiles, ParameterFile{name, l.path("out/" + name)})
	}
	l.run()
	want := "Output parameter '5' cannot be taken: the file " + l.path("out/5") + " takes all output parameters together over the limit of 16777216 bytes."
	if e := l.ended(); e.OutputsError != want {
		t.Errorf("%q", e.OutputsError)
	}
}

func TestInAPodLinksWithinTheTaskAreFollowed(t *testing.T) {
	l := newPod(t, "echo value > work/kept && ln -s ../kept work/out/p && ln -s ../../link/q work/out/q && echo linked > real/q")
	_ = os.Mkdir(l.path("real"), 0o777)
	_ = os.Symlink("real", l.path("link"))
	l.request.Pod.Directories = []string{l.path("work"), l.path("work/out"), l.path("link")}
	l.request.Pod.ParameterFiles = []ParameterFile{{"p", l.path("work/out/p")}, {"q", l.path("work/out/q")}}
	l.run()
	if e := l.ended(); e.OutputsError != "" || string(e.ParameterFiles["p"]) != "value\n" || string(e.ParameterFiles["q"]) != "linked\n" {
		t.Errorf("%+v", e)
	}
}

func TestWhatCannotBeMadeInAPodIsNamed(t *testing.T) {
	l := newPod(t, "touch ran")
	l.request.Pod.Directories = []string{"/proc/none/x"}
	l.run()
	if e := l.ended(); e.Error != "The directory /proc/none/x cannot be made: no such file or directory" || l.has("ran") {
		t.Errorf("%+v", e)
	}
	l.request.Pod.Directories, l.request.Pod.Files = nil, []File{{Path: "/proc/none/x"}}
	l.run()
	if e := l.ended(); e.Error != "The file /proc/none/x cannot be written: no such file or directory" {
		t.Errorf("%+v", e)
	}
}

func TestTheMachineIsTheContainers(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		_ = os.MkdirAll(filepath.Dir(root+path), 0o777)
		_ = os.WriteFile(root+path, []byte(text), 0o666)
	}
	write("/proc/sys/kernel/hostname", "a-pod\n")
	write("/proc/sys/kernel/ostype", "Linux\n")
	write("/proc/sys/kernel/osrelease", "6.1.0\n")
	write("/usr/lib/os-release", "NAME=x\nPRETTY_NAME=\"An Image 12 (\xff)\"\n")
	write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: A Processor\n")
	write("/proc/meminfo", "MemTotal:       16384000 kB\n")
	m := machineBelow(root)
	if m.Hostname != "a-pod" || m.Kernel != "Linux 6.1.0" || m.OS != "An Image 12 (?)" || m.CPUModel != "A Processor" || m.MemoryBytes != 16384000<<10 || m.Architecture == "" {
		t.Errorf("%+v", m)
	}
	all := m.CPUs
	write("/sys/fs/cgroup/cpu.max", "50000 100000\n")
	write("/sys/fs/cgroup/memory.max", "1048576\n")
	if m := machineBelow(root); m.CPUs != 1 || m.MemoryBytes != 1<<20 {
		t.Errorf("%+v", m)
	}
	write("/sys/fs/cgroup/cpu.max", "max 100000\n")
	write("/sys/fs/cgroup/memory.max", "max\n")
	if m := machineBelow(root); m.CPUs != all || m.MemoryBytes != 16384000<<10 {
		t.Errorf("%+v", m)
	}
	_ = os.RemoveAll(root + "/sys")
	write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
	write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
	write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
	if m := machineBelow(root); m.CPUs != all || m.MemoryBytes != 16384000<<10 {
		t.Errorf("%+v", m)
	}
	write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "10000\n")
	write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n")
	if m := machineBelow(root); m.CPUs != 1 || m.MemoryBytes != 2<<20 {
		t.Errorf("%+v", m)
	}
}
