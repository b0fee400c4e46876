package attempt

import (
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/penstock/penstock/launcher/limits"
)

// machineBelow reads what executor/local/machine.cc reads, below a root; of processors and memory it takes the container's
// limits.
func machineBelow(root string) *Machine {
	text := func(path string) string { return beginningOf(root + path) }
	m := &Machine{Hostname: words(text("/proc/sys/kernel/hostname")),
		Kernel:   words(words(text("/proc/sys/kernel/ostype")) + " " + words(text("/proc/sys/kernel/osrelease"))),
		OS:       osName(text("/etc/os-release")),
		CPUModel: valueOf(text("/proc/cpuinfo"), "model name", ':'),
		CPUs:     runtime.NumCPU(),
	}
	if m.OS == "" {
		m.OS = osName(text("/usr/lib/os-release"))
	}
	var names unix.Utsname
	if unix.Uname(&names) == nil {
		m.Architecture = words(unix.ByteSliceToString(names.Machine[:]))
	}
	total, _ := strings.CutSuffix(valueOf(text("/proc/meminfo"), "MemTotal", ':'), " kB")
	if kilobytes, err := strconv.ParseInt(total, 10, 64); err == nil && kilobytes > 0 {
		m.MemoryBytes = kilobytes << 10
	}
	if limit := cpuLimit(text); limit > 0 && limit < m.CPUs {
		m.CPUs = limit
	}
	if limit := memoryLimit(text); limit > 0 && (m.MemoryBytes == 0 || limit < m.MemoryBytes) {
		m.MemoryBytes = limit
	}
	return m
}

// cpuLimit is that of the container's control group, rounded up; 0: there is none.
func cpuLimit(text func(path string) string) int {
	quota, period, _ := strings.Cut(strings.TrimSpace(text("/sys/fs/cgroup/cpu.max")), " ") // "200000 100000", "max 100000"
	if quota == "" {
		quota, period = text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), text("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
	}
	q, p := number(quota), number(period)
	if q <= 0 || p <= 0 {
		return 0
	}
	return int(math.Ceil(float64(q) / float64(p)))
}

func memoryLimit(text func(path string) string) int64 {
	if limit := text("/sys/fs/cgroup/memory.max"); limit != "" {
		return number(limit)
	}
	return number(text("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
}

// number is 0 for what is none, such as "max".
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// beginningOf is empty if the file cannot be read.
func beginningOf(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, limits.MachineFileBytes))
	return string(text)
}

// words keeps no more than a line, and nothing but ASCII.
func words(text string) string {
	text = strings.TrimSpace(text[:min(len(text), limits.MachineWordsBytes)])
	out := []byte(text)
	for i, c := range out {
		if c < ' ' || c > '~' {
			out[i] = '?'
		}
	}
	return string(out)
}

// valueOf is what stands behind the key and the separator in the first line that begins with the key.
func valueOf(text, key string, separator byte) string {
	for line := range strings.Lines(text) {
		rest, is := strings.CutPrefix(line, key)
		if rest = strings.TrimLeft(rest, " \t"); is && rest != "" && rest[0] == separator {
			return words(rest[1:])
		}
	}
	return ""
}

func osName(release string) string {
	name := valueOf(release, "PRETTY_NAME", '=')
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	return name
}
