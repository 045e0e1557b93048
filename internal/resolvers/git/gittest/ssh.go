package gittest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Key is a key pair of SSH.
type Key struct {
	// Private is the private key in the format of OpenSSH, and Public the line for authorized_keys.
	Private, Public string
}

// NewKey makes a key pair.
func NewKey(t *testing.T) Key {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return Key{Private: string(pem.EncodeToMemory(block)), Public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))}
}

// SSH is a server of OpenSSH on the loopback interface.
type SSH struct {
	// Address is where it listens, as HOST:PORT, and User the user of this process, as which it runs git.
	Address, User string
	// HostKey is the key of the host.
	HostKey Key
}

// ServeSSH starts sshd with one key for each repository: what the program git-upload-pack gets is always that repository, as
// with a deploy key. It ends with the test.
func ServeSSH(t *testing.T, repositories map[string]*Repository, keys map[string]Key) *SSH {
	t.Helper()
	folder := t.TempDir()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &SSH{User: me.Username, HostKey: NewKey(t), Address: freePort(t)}
	var authorized strings.Builder
	for name, key := range keys {
		// The server checks that the client asks for the repository of the key, as hosting services do.
		fmt.Fprintf(&authorized, "command=\"%s %s %s\",no-pty %s\n", write(t, folder, "serve", serve, 0o755), name, repositories[name].Path,
			key.Public)
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Join([]string{
		"ListenAddress " + host, "Port " + port, "PidFile none", "UsePAM no", "StrictModes no", "PermitRootLogin yes",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "MaxStartups 1000", "MaxSessions 1000",
		"HostKey " + write(t, folder, "host", s.HostKey.Private, 0o600),
		"AuthorizedKeysFile " + write(t, folder, "authorized", authorized.String(), 0o600),
	}, "\n") + "\n"
	// sshd requires this folder, and no user can change where it is.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	start(t, s.Address, write(t, folder, "config", config, 0o600))
	return s
}

// serve is the program that a key may run. Its arguments are the repository's name and its folder.
const serve = `#!/bin/sh
[ "$SSH_ORIGINAL_COMMAND" = "git-upload-pack '/$1'" ] || [ "$SSH_ORIGINAL_COMMAND" = "git-upload-pack '$1'" ] || exit 128
exec git-upload-pack "$2"
`

func write(t *testing.T, folder, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// start starts sshd and waits until it accepts connections.
func start(t *testing.T, address, config string) {
	t.Helper()
	var output bytes.Buffer
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "/usr/sbin/sshd", "-D", "-e", "-f", config)
	command.Stderr = &output
	if err := command.Start(); err != nil {
		t.Fatalf("cannot start sshd, from Debian's package openssh-server: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("cannot end sshd: %v", err)
		}
		if err := <-ended; err != nil {
			t.Logf("sshd ended: %v", err) // it was killed
		}
	})
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 500 {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("sshd has ended: %v\n%s", err, output.String())
		case <-ticker.C:
		}
	}
	t.Fatal("sshd does not accept connections")
}

// KnownHosts returns the line of known_hosts for a host at port 22, with the key of the server.
func (s *SSH) KnownHosts(host string) string { return host + " " + s.HostKey.Public + "\n" }
