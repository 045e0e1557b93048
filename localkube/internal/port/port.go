// Package port finds free TCP ports of the loopback address, and the processes that use the others.
package port

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const loopback = "127.0.0.1"

// Listen listens on the port of the loopback address, or on any free port if it is 0. The error names the process that uses
// the port, if this user may see it.
func Listen(port int) (*net.TCPListener, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(loopback), Port: port})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot use port %d: it is in use by %s", port, owner(port))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use port %d: %w", port, err)
	}
	return listener, nil
}

// Number returns the port of the listener.
func Number(listener *net.TCPListener) int {
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		return address.Port
	}
	return 0 // not possible: a TCP listener has no other type of address
}

// Free returns a port that is not in use now.
func Free() (int, error) {
	listener, err := Listen(0)
	if err != nil {
		return 0, err
	}
	return Number(listener), listener.Close()
}

// owner describes the process that listens on the port.
func owner(port int) string {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return "another process"
	}
	inode, ok := listeningInode(string(table), port)
	if !ok {
		return "another process"
	}
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "another process"
	}
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && target == "socket:["+inode+"]" {
			pid := strings.Split(descriptor, "/")[2]
			return fmt.Sprintf("process %s (%s)", pid, commandLine(pid))
		}
	}
	return "another user's process"
}

// listeningInode finds the socket that listens on the port in the text of /proc/net/tcp (proc_net_tcp in the kernel's
// documentation). The second field is address:port in hexadecimal, the fourth is the state, the tenth is the inode.
func listeningInode(table string, port int) (string, bool) {
	const listening = "0A"
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		_, hexPort, ok := strings.Cut(fields[1], ":")
		if !ok {
			continue
		}
		if number, err := strconv.ParseUint(hexPort, 16, 16); err == nil && int(number) == port {
			return fields[9], true
		}
	}
	return "", false
}

// commandLine returns the command line of the process, shortened.
func commandLine(pid string) string {
	const longest = 80
	content, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil {
		return "unknown command"
	}
	line := strings.TrimSpace(strings.ReplaceAll(string(content), "\x00", " "))
	if len(line) > longest {
		line = line[:longest] + "…"
	}
	return line
}
