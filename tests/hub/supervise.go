package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The supervisor exists so that nothing of a hub outlives its owner, however the owner ends.
//
// It is two processes. The outer one lives on the host: it holds the locks, prepares what is
// machine-wide (the pods' bridge, the service address) and takes it away again. The inner one starts
// the programs. Run by root, the inner one is the first process of a PID namespace and owns a mount
// namespace, so when it ends the kernel ends every program, shim and container with it, and every
// mount is gone too. Without root the inner one is a subreaper and does that by hand.
//
// Three chains lead to the end: the owner's end of stdin is closed (or the owner died), a signal, or
// the outer process was killed, which the kernel passes on to the inner one. Only what the outer
// process would have taken away then remains, and the next hub sweeps it.
const innerMark = "SKEP_HUB_INNER"

type options struct {
	runFolder string
	node      bool
	wait      bool
}

func supervise() int {
	// Children ask the kernel to be killed when the *thread* that started them ends; the main
	// thread is the one that lives as long as the process.
	runtime.LockOSThread()
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)

	var o options
	flags := flag.NewFlagSet("supervise", flag.ContinueOnError)
	flags.StringVar(&o.runFolder, "run-folder", "", "folder of this run; removed at the end")
	flags.BoolVar(&o.node, "node", false, "prepare the host for pods: bridge, service address (root)")
	flags.BoolVar(&o.wait, "wait", false, "wait while another hub with a node runs on this machine")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return 2
	}
	if !filepath.IsAbs(o.runFolder) {
		fmt.Fprintln(os.Stderr, "supervise: --run-folder must be an absolute path")
		return 2
	}
	if os.Getenv(innerMark) != "" {
		return inner(o)
	}
	return outer(o)
}

func outer(o options) int {
	// A session of its own: the terminal's Ctrl-C reaches the owner, and the owner ends us.
	_, _ = syscall.Setsid()

	lock, err := lockRun(o)
	if err != nil {
		return refuse(err)
	}
	defer lock.Close()

	if o.node {
		nodeLock, err := lockNode(o)
		if err != nil {
			return refuse(err)
		}
		defer nodeLock.Close()
		sweepHost()
		defer rememberForwarding()()
		if err := prepareHost(); err != nil {
			sweepHost()
			return refuse(err)
		}
	}
	madeFolders := makeCovered(o)

	code := runInner(o)

	killDescendants()
	unmountBelow(o.runFolder)
	if o.node {
		sweepHost()
	}
	for _, folder := range madeFolders {
		_ = os.Remove(folder)
	}
	if err := removeRunFolder(o.runFolder); err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		return 1
	}
	return code
}

// runInner starts the inner process and waits for it, passing on the signals that ask for the end.
func runInner(o options) int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return refuse(err)
	}
	self, err := os.Executable()
	if err != nil {
		return refuse(err)
	}
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		attributes.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	}
	ends := make(chan os.Signal, 4)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	process, err := os.StartProcess(self, append([]string{self, "supervise"}, os.Args[1:]...), &os.ProcAttr{
		Env:   append(os.Environ(), innerMark+"=1"),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   attributes,
	})
	if err != nil {
		return refuse(fmt.Errorf("start the inner supervisor: %w", err))
	}
	go func() {
		for range ends {
			_ = process.Signal(syscall.SIGTERM)
		}
	}()
	state, err := process.Wait()
	if err != nil {
		return refuse(err)
	}
	if code := state.ExitCode(); code >= 0 {
		return code
	}
	return 1
}

// removeRunFolder removes the lock last: until then nobody takes the rest for a dead hub's.
func removeRunFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "lock" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(folder)
}

// refuse tells the owner why there will be no hub.
func refuse(err error) int {
	emit(event{Refused: err.Error()})
	return 1
}

// killDescendants ends whatever was re-parented to this process. In a PID namespace there is nothing.
func killDescendants() {
	for {
		for _, pid := range childrenOf(os.Getpid()) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			return
		}
	}
}

func childrenOf(parent int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var children []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The command may hold anything, so the fields are counted after its closing bracket.
		var state string
		var pid, ppid int
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		if _, err := fmt.Sscan(rest, &state, &ppid); err != nil || ppid != parent {
			continue
		}
		if _, err := fmt.Sscan(string(text), &pid); err == nil {
			children = append(children, pid)
		}
	}
	return children
}

// unmountBelow detaches every mount under a folder, innermost first.
func unmountBelow(folder string) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
			_ = unix.Unmount(fields[4], unix.MNT_DETACH)
		}
	}
}
