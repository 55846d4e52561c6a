package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// nodeLockPath is machine-wide, whatever the user's cache folder is: the bridge and the service
	// address exist once per machine.
	nodeLockPath = "/run/skep-node.lock"
	bridgeName   = "skep0"
	gateway      = "10.89.0.1/16"
	// serviceAddress is the first address of the service range, which pods know as
	// KUBERNETES_SERVICE_HOST. There is no kube-proxy, so the API server itself answers on it.
	serviceAddress = "10.96.0.1/32"
	// cgroupName is where containerd puts the control groups of the containers of its namespace
	// k8s.io when the kubelet, as here, names no parent.
	cgroupName = "k8s.io"
)

// covered are the folders outside the run folder that kubelet, containerd, its shims and the CNI
// plugins insist on. An empty file system of the hub's own lies over each while it runs, in its own
// mount namespace only, so nothing is ever written to the machine's.
var covered = []string{
	"/run/containerd", "/run/netns", "/run/runc",
	"/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods",
}

// lockFile takes an exclusive lock that ends with this process. Who looks whether a hub is alive
// holds its lock for an instant, so only a second of refusals means that somebody has it. Then
// onHeld decides: an error gives up, nil waits on.
func lockFile(path string, onHeld func(holder string) error) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	patience := time.Now().Add(time.Second)
	for told := false; ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told && time.Now().After(patience) {
			told = true
			holder, _ := os.ReadFile(path)
			if err := onHeld(strings.TrimSpace(string(holder))); err != nil {
				return nil, err
			}
		}
		if ownerGone(100 * time.Millisecond) {
			return nil, errors.New("the owner ended while waiting for a lock")
		}
	}
}

// sign writes into a lock's file who holds it. The first line is the process.
func sign(file *os.File, about string) {
	_ = file.Truncate(0)
	_, _ = file.WriteAt([]byte(fmt.Sprintf("%d\n%s\n", os.Getpid(), about)), 0)
}

// lockRun takes the lock that tells that this hub is alive.
func lockRun(o options) (*os.File, error) {
	file, err := lockFile(filepath.Join(o.runFolder, "lock"), func(holder string) error {
		return fmt.Errorf("%s belongs to process %s", o.runFolder, holder)
	})
	if err == nil {
		sign(file, o.runFolder)
	}
	return file, err
}

// ownerGone waits up to a period for the owner's end of stdin to close.
func ownerGone(period time.Duration) bool {
	fds := []unix.PollFd{{Fd: 0, Events: 0}}
	n, err := unix.Poll(fds, int(period.Milliseconds()))
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

func lockNode(o options) (*os.File, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a node needs root: kubelet, containerd and the pods' network do")
	}
	file, err := lockFile(nodeLockPath, func(holder string) error {
		holder = strings.ReplaceAll(holder, "\n", ", ")
		if !o.wait {
			return fmt.Errorf("another hub with a node runs on this machine: process %s", holder)
		}
		emit(event{Waiting: "process " + holder})
		return nil
	})
	if err == nil {
		sign(file, o.runFolder)
	}
	return file, err
}

// forwarding is the machine's switch that the bridge plugin turns on.
const forwarding = "/proc/sys/net/ipv4/ip_forward"

// rememberForwarding returns what puts the switch back as it is now.
func rememberForwarding() func() {
	before, err := os.ReadFile(forwarding)
	return func() {
		if err == nil {
			_ = os.WriteFile(forwarding, before, 0o644)
		}
	}
}

// prepareHost makes the gateway and the service address answer before the first pod starts.
func prepareHost() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("loopback device: %w", err)
	}
	if err := addAddress(lo, serviceAddress); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("create bridge %s: %w", bridgeName, err)
	}
	if err := addAddress(bridge, gateway); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bring up bridge %s: %w", bridgeName, err)
	}
	return nil
}

func addAddress(link netlink.Link, text string) error {
	address, err := netlink.ParseAddr(text)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, address); err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("add %s to %s: %w", text, link.Attrs().Name, err)
	}
	return nil
}

// sweepHost takes away everything machine-wide, be it this hub's or one's that was killed. It may
// run only while the node lock is held: then nobody else can own any of it.
func sweepHost() {
	if bridge, err := netlink.LinkByName(bridgeName); err == nil {
		links, _ := netlink.LinkList()
		for _, link := range links {
			if link.Attrs().MasterIndex == bridge.Attrs().Index {
				_ = netlink.LinkDel(link)
			}
		}
		_ = netlink.LinkDel(bridge)
	}
	if lo, err := netlink.LinkByName("lo"); err == nil {
		if ip, network, err := net.ParseCIDR(serviceAddress); err == nil {
			_ = netlink.AddrDel(lo, &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: network.Mask}})
		}
	}
	removeCgroups()
}

// removeCgroups removes the empty control groups of ended containers. Somebody else's that are in
// use refuse to go, so nothing is taken from anybody. The kernel releases a group a moment after its
// last process: what is busy is tried again for a second.
func removeCgroups() {
	// cgroup v1 has one tree per controller, v2 a single one.
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + cgroupName)
	roots = append(roots, "/sys/fs/cgroup/"+cgroupName)
	for attempt := 0; attempt < 50; attempt++ {
		busy := false
		for _, root := range roots {
			busy = removeCgroup(root) || busy
		}
		if !busy {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// removeCgroup removes a tree of control groups, leaves first, and says whether something is busy.
func removeCgroup(root string) bool {
	entries, err := os.ReadDir(root)
	if err != nil {
		return false
	}
	busy := false
	for _, entry := range entries {
		if entry.IsDir() {
			busy = removeCgroup(filepath.Join(root, entry.Name())) || busy
		}
	}
	return errors.Is(syscall.Rmdir(root), syscall.EBUSY) || busy
}

// makeCovered creates the mount points that the machine lacks and says which, for their removal.
func makeCovered(o options) []string {
	if !o.node {
		return nil
	}
	var made []string
	for _, folder := range covered {
		if os.Mkdir(folder, 0o755) == nil {
			made = append(made, folder)
		}
	}
	return made
}

// privateMounts gives the inner process and its programs a view of their own: its own processes in
// /proc, and, with a node, empty folders where the machine's state would be. Mounts that pods ask to
// be propagated need shared ones; nothing propagates back to the machine.
func privateMounts(o options) error {
	steps := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_SLAVE},
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	}
	if o.node {
		for _, folder := range covered {
			steps = append(steps, struct {
				source, target, kind string
				flags                uintptr
			}{"tmpfs", folder, "tmpfs", 0})
		}
	}
	steps = append(steps, struct {
		source, target, kind string
		flags                uintptr
	}{"", "/", "", unix.MS_REC | unix.MS_SHARED})
	for _, s := range steps {
		if err := unix.Mount(s.source, s.target, s.kind, s.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", s.target, err)
		}
	}
	return nil
}
