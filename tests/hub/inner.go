package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is one line of the owner's stdin; exactly one field is set.
type command struct {
	// Start starts a program.
	Start *start `json:"start,omitempty"`
	// Stop ends one program: SIGTERM, then SIGKILL after the grace.
	Stop *stop `json:"stop,omitempty"`
	// Signal sends one signal to a program's process group.
	Signal *sendSignal `json:"signal,omitempty"`
	// Reserve holds a TCP port for a program that shares it (SO_REUSEPORT), so that nobody else can
	// take it between the choice and the start.
	Reserve *reserve `json:"reserve,omitempty"`
	// Detach lets the programs outlive the owner; from then on only a signal ends them.
	Detach bool `json:"detach,omitempty"`
}

type start struct {
	Name   string            `json:"name"`
	Argv   []string          `json:"argv"`
	Env    map[string]string `json:"env"`
	Folder string            `json:"folder"`
	Log    string            `json:"log"`
}

type stop struct {
	Name    string `json:"name"`
	GraceMs int64  `json:"grace_ms"`
}

type sendSignal struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
}

type reserve struct {
	Name    string  `json:"name"`
	Address [4]byte `json:"address"`
	Port    int     `json:"port"`
}

// event is one line of stdout; exactly one field is set.
type event struct {
	Started  *started  `json:"started,omitempty"`
	Failed   *failed   `json:"failed,omitempty"`
	Exited   *exited   `json:"exited,omitempty"`
	Reserved *reserved `json:"reserved,omitempty"`
	Detached bool      `json:"detached,omitempty"`
	Ready    bool      `json:"ready,omitempty"`
	// Waiting names the hub that holds the machine's one node.
	Waiting string `json:"waiting,omitempty"`
	// Refused says why the supervisor ends without having started anything.
	Refused string `json:"refused,omitempty"`
}

type started struct {
	Name string `json:"name"`
	Pid  int    `json:"pid"`
}

type failed struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

type exited struct {
	Name   string `json:"name"`
	Pid    int    `json:"pid"`
	Status string `json:"status"`
}

type reserved struct {
	Name string `json:"name"`
	Port int    `json:"port"`
}

// emit writes one event. An owner that no longer reads is no reason to fail.
func emit(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// children are the programs started and not yet ended, by their PID.
type children map[int]string

func inner(o options) int {
	first := os.Getpid() == 1
	if first {
		if err := privateMounts(o); err != nil {
			return refuse(err)
		}
	} else if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return refuse(err)
	}

	ends := make(chan os.Signal, 4)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	deaths := make(chan os.Signal, 64)
	signal.Notify(deaths, syscall.SIGCHLD)
	commands := make(chan command)
	go readCommands(commands)

	running := children{}
	detached := false
	emit(event{Ready: true})
	for {
		select {
		case c, open := <-commands:
			if !open {
				if !detached {
					return running.end(first)
				}
				commands = nil
				continue
			}
			if c.Detach {
				detached = true
				emit(event{Detached: true})
			}
			running.obey(c)
		case <-deaths:
			running.reap()
		case <-ends:
			return running.end(first)
		}
	}
}

func readCommands(commands chan<- command) {
	defer close(commands)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			emit(event{Failed: &failed{Error: fmt.Sprintf("unreadable command: %v", err)}})
			continue
		}
		commands <- c
	}
}

func (running children) obey(c command) {
	switch {
	case c.Start != nil:
		pid, err := c.Start.run()
		if err != nil {
			emit(event{Failed: &failed{Name: c.Start.Name, Error: err.Error()}})
			return
		}
		running[pid] = c.Start.Name
		emit(event{Started: &started{Name: c.Start.Name, Pid: pid}})
	case c.Stop != nil:
		for pid, name := range running {
			if name == c.Stop.Name {
				_ = syscall.Kill(-pid, syscall.SIGTERM)
				time.AfterFunc(time.Duration(c.Stop.GraceMs)*time.Millisecond, func() {
					_ = syscall.Kill(-pid, syscall.SIGKILL)
				})
			}
		}
	case c.Signal != nil:
		for pid, name := range running {
			if name == c.Signal.Name {
				_ = syscall.Kill(-pid, syscall.Signal(c.Signal.Number))
			}
		}
	case c.Reserve != nil:
		port, err := c.Reserve.hold()
		if err != nil {
			emit(event{Failed: &failed{Name: c.Reserve.Name, Error: err.Error()}})
			return
		}
		emit(event{Reserved: &reserved{Name: c.Reserve.Name, Port: port}})
	}
}

func (s *start) run() (int, error) {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	env := make([]string, 0, len(s.Env))
	for name, value := range s.Env {
		env = append(env, name+"="+value)
	}
	if len(s.Argv) == 0 {
		return 0, fmt.Errorf("no command line")
	}
	return syscall.ForkExec(s.Argv[0], s.Argv, &syscall.ProcAttr{
		Dir:   s.Folder,
		Env:   env,
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
}

// hold binds without listening: connections only ever reach the program that listens.
func (r *reserve) hold() (int, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: r.Address, Port: r.Port}); err != nil {
		return 0, fmt.Errorf("port %d: %w", r.Port, err)
	}
	bound, err := unix.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	return bound.(*unix.SockaddrInet4).Port, nil
}

// reap collects every ended child, re-parented strangers included.
func (running children) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		name, ours := running[pid]
		if !ours {
			continue
		}
		delete(running, pid)
		how := fmt.Sprintf("exit status %d", status.ExitStatus())
		if status.Signaled() {
			how = "signal " + strings.ToLower(status.Signal().String())
		}
		emit(event{Exited: &exited{Name: name, Pid: pid, Status: how}})
	}
}

// end kills what runs. The data of a hub is thrown away with it, so nobody is asked to flush. As the
// first process of a PID namespace, ending is enough: the kernel does the rest.
func (running children) end(first bool) int {
	if first {
		return 0
	}
	for pid := range running {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	killDescendants()
	return 0
}
