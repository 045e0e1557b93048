package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// overSSH is a remote over SSH: one program on the server, for the references and one pack.
type overSSH struct {
	client  *ssh.Client
	session *ssh.Session
	in      io.WriteCloser
	out     io.Reader
	// stop ends the connection with the context.
	stop func() bool
}

// identity is what SSH needs: a private key, and the keys of the hosts that are trusted.
type identity struct {
	key   ssh.Signer
	hosts *knownHosts
}

func newSSH(ctx context.Context, network *outbound.Network, a address, id identity) (remote, error) {
	connection, err := network.DialContext(ctx, "tcp", a.hostPort())
	if err != nil {
		return nil, outbound.Explain(err, a.host, outbound.Limits{})
	}
	o := &overSSH{stop: context.AfterFunc(ctx, func() { _ = connection.Close() })}
	if err := o.start(connection, a, id); err != nil {
		o.close()
		_ = connection.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explainSSH(err, a)
	}
	return o, nil
}

// start logs in, and starts the program.
func (o *overSSH) start(connection net.Conn, a address, id identity) error {
	host := a.hostPort()
	algorithms := id.hosts.algorithms(host)
	if len(algorithms) == 0 {
		return &unknownHostError{host: host}
	}
	established, channels, requests, err := ssh.NewClientConn(connection, host, &ssh.ClientConfig{
		User:              a.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(id.key)},
		HostKeyCallback:   func(host string, _ net.Addr, key ssh.PublicKey) error { return id.hosts.check(host, key) },
		HostKeyAlgorithms: algorithms,
	})
	if err != nil {
		return err
	}
	o.client = ssh.NewClient(established, channels, requests)
	if o.session, err = o.client.NewSession(); err != nil {
		return err
	}
	if o.in, err = o.session.StdinPipe(); err != nil {
		return err
	}
	if o.out, err = o.session.StdoutPipe(); err != nil {
		return err
	}
	return o.session.Start(program + " " + quote(a.sshPath()))
}

// sshPath returns the path for the program on the server.
func (a address) sshPath() string {
	if !a.short && strings.HasPrefix(a.path, "/~") {
		return a.path[1:] // a path in a home directory
	}
	return a.path
}

// quote quotes a path for the shell on the server.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

func (o *overSSH) close() {
	o.stop()
	if o.session != nil {
		_ = o.session.Close()
	}
	if o.client != nil {
		_ = o.client.Close()
	}
}

func (o *overSSH) references(context.Context) (io.ReadCloser, error) { return io.NopCloser(o.out), nil }

func (o *overSSH) pack(_ context.Context, content []byte) (io.ReadCloser, error) {
	if _, err := o.in.Write(content); err != nil {
		return nil, fmt.Errorf("cannot send the request: %w", err)
	}
	return io.NopCloser(o.out), nil
}

// explainSSH returns the error for users of a connection that failed. The causes may have text of the server.
func explainSSH(err error, a address) *resolvers.Error {
	var unknown *unknownHostError
	var denied *ssh.ServerAuthError
	switch {
	case errors.As(err, &unknown):
		return resolvers.Failed(err, "cannot connect to host %s: its key is not in known_hosts of the Secret in param %q; "+
			"add the line that ssh-keyscan prints, after you have checked the key", shown(a.host), paramGitToken)
	case errors.Is(err, errOtherKey):
		return resolvers.Failed(err, "cannot connect to host %s: it has another key than known_hosts of the Secret in param %q says; "+
			"if the host has a new key, check it, and replace the line", shown(a.host), paramGitToken)
	case errors.As(err, &denied), strings.Contains(err.Error(), "unable to authenticate"):
		return resolvers.Failed(err, "cannot connect to host %s: it refuses the SSH key of the Secret in param %q", shown(a.host), paramGitToken)
	default:
		return resolvers.Unavailable(err, "cannot connect to host %s: it does not complete the SSH connection", shown(a.host))
	}
}
