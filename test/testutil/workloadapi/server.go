package workloadapi

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Attest returns the paths of the identities of a process, or none if it has none at this time.
type Attest func(ctx context.Context, pid int) ([]string, error)

// AnyProcess gives these identities to every process.
func AnyProcess(paths ...string) Attest {
	return func(context.Context, int) ([]string, error) { return paths, nil }
}

// Server is a Workload API on a socket.
type Server struct {
	workload.UnimplementedSpiffeWorkloadAPIServer

	authority *Authority
	attest    Attest
	grpc      *grpc.Server

	mu     sync.Mutex
	issued map[string]*workload.X509SVID
	asked  int
}

// Serve serves identities of an authority on a socket, until Stop is called. Every process may connect.
func Serve(socket string, authority *Authority, attest Attest) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o777); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot let all users connect to %q: %w", socket, err), listener.Close())
	}
	s := &Server{authority: authority, attest: attest, grpc: grpc.NewServer(), issued: map[string]*workload.X509SVID{}}
	workload.RegisterSpiffeWorkloadAPIServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(peers{listener}) }() // it returns when Stop is called
	return s, nil
}

// Stop stops the server and closes all its streams.
func (s *Server) Stop() { s.grpc.Stop() }

// Asked returns the number of requests for identities.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// FetchX509SVID implements the Workload API: it sends one response and keeps the stream open.
func (s *Server) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	paths, err := s.who(stream.Context())
	if err != nil {
		return err
	}
	answer := &workload.X509SVIDResponse{}
	for _, path := range paths {
		svid, err := s.svid(path)
		if err != nil {
			return err
		}
		answer.Svids = append(answer.Svids, svid)
	}
	if err := stream.Send(answer); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// FetchX509Bundles implements the Workload API: it sends one response and keeps the stream open.
func (s *Server) FetchX509Bundles(_ *workload.X509BundlesRequest, stream grpc.ServerStreamingServer[workload.X509BundlesResponse]) error {
	if _, err := s.who(stream.Context()); err != nil {
		return err
	}
	err := stream.Send(&workload.X509BundlesResponse{
		Bundles: map[string][]byte{"spiffe://" + s.authority.Domain: s.authority.Certificate.Raw},
	})
	if err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// who attests the process of the connection as an agent does: by the kernel's information about it, and not by what the
// process sends.
func (s *Server) who(ctx context.Context) ([]string, error) {
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("workload.spiffe.io")) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the security header is missing")
	}
	from, ok := peer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Internal, "the connection has no peer process")
	}
	pid, err := strconv.Atoi(from.Addr.String())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "%q is not a process", from.Addr)
	}
	paths, err := s.attest(ctx, pid)
	if err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if len(paths) == 0 {
		return nil, status.Error(codes.PermissionDenied, "no identity issued")
	}
	return paths, nil
}

// svid returns the identity of a path. All processes with this path get the same one.
func (s *Server) svid(path string) (*workload.X509SVID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if svid, ok := s.issued[path]; ok {
		return svid, nil
	}
	identity, err := s.authority.Issue(path, time.Now())
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	key, err := x509.MarshalPKCS8PrivateKey(identity.Key)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	s.issued[path] = &workload.X509SVID{
		SpiffeId: identity.Certificates[0].URIs[0].String(), X509Svid: bytes.Join(identity.Chain(), nil), X509SvidKey: key,
		Bundle: s.authority.Certificate.Raw,
	}
	return s.issued[path], nil
}

// peers is a listener whose connections have the peer's process number as their remote address.
type peers struct{ net.Listener }

// Accept implements net.Listener.
func (l peers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("the connection is not a unix socket"), conn.Close())
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var credentials *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		credentials, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return attested{conn, process(credentials.Pid)}, nil
}

type attested struct {
	net.Conn

	from process
}

// RemoteAddr implements net.Conn.
func (c attested) RemoteAddr() net.Addr { return c.from }

// process is a process number as a network address.
type process int32

// Network implements net.Addr.
func (process) Network() string { return "process" }

// String implements net.Addr.
func (p process) String() string { return strconv.Itoa(int(p)) }
