package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/sluice-ci/sluice/localkube/internal/bootstrap"
	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/dns"
	"github.com/sluice-ci/sluice/localkube/internal/image"
	"github.com/sluice-ci/sluice/localkube/internal/network"
	"github.com/sluice-ci/sluice/localkube/internal/node"
	"github.com/sluice-ci/sluice/localkube/internal/registry"
)

// bringUpNode starts a whole cluster in the current namespaces. Components that do not depend on each other start together.
func (s *Supervisor) bringUpNode(ctx context.Context) error {
	began := time.Now()
	if err := s.step("node's surroundings", s.surroundings); err != nil {
		return err
	}
	if err := s.step("registry", s.serveRegistry); err != nil {
		return err
	}
	containerd, err := s.start(s.cluster.ContainerdSpec())
	if err != nil {
		return err
	}
	if err := s.startControlPlane(ctx); err != nil {
		return err
	}
	if err := s.forwardAPI(); err != nil {
		return err
	}
	if err := s.await(ctx, containerd); err != nil {
		return err
	}
	if err := s.step("pause image", func() error { return s.pullPause(ctx) }); err != nil {
		return err
	}
	if err := s.step("first objects", func() error {
		return bootstrap.Apply(ctx, s.cluster.Dir.Kubeconfig(), s.cluster.Uplink.Node)
	}); err != nil {
		return err
	}
	if err := s.step("names and volumes", func() error {
		return errors.Join(s.serveNames(ctx), node.OpenVolumes(s.cluster.Dir))
	}); err != nil {
		return err
	}
	if err := s.startTogether(ctx,
		s.cluster.ControllerManagerSpec(), s.cluster.SchedulerSpec(), s.cluster.KubeletSpec(), s.cluster.ProxySpec()); err != nil {
		return err
	}
	workers := s.startWorkers(ctx)
	if err := s.step("node ready", func() error {
		return bootstrap.AwaitNode(ctx, s.cluster.Dir.Kubeconfig(), component.NodeName, began)
	}); err != nil {
		return err
	}
	return workers()
}

// startTogether starts the components and then waits for each.
func (s *Supervisor) startTogether(ctx context.Context, specs ...component.Spec) error {
	started := make([]*running, 0, len(specs))
	for _, spec := range specs {
		r, err := s.start(spec)
		if err != nil {
			return err
		}
		started = append(started, r)
	}
	for _, r := range started {
		if err := s.await(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// surroundings sets up mounts, control groups and network of the node.
func (s *Supervisor) surroundings() error {
	if err := s.awaitLink(); err != nil {
		return err
	}
	if err := node.SetUpMounts(s.cluster); err != nil {
		return err
	}
	if err := node.MakeCgroups(s.cluster); err != nil {
		return err
	}
	if err := network.SetUpNode(s.cluster.Uplink, component.PodCIDR); err != nil {
		return err
	}
	ranges := []string{component.PodCIDR}
	if len(s.cluster.Workers()) > 0 {
		ranges = append(ranges, component.NodeCIDR)
		if err := network.SetUpBridge(component.Gateway(), s.cluster.Uplink.MTU, members(s.cluster.Workers())); err != nil {
			return err
		}
	}
	rules := network.Apply(network.NodeRules(ranges...))
	rules.Stdout, rules.Stderr = os.Stdout, os.Stderr
	if err := s.children.run(rules); err != nil {
		return fmt.Errorf("cannot set the rules of the node's network: %w", err)
	}
	return s.configure()
}

// awaitLink waits until the link of the node's network exists.
func (s *Supervisor) awaitLink() error {
	goAhead := os.NewFile(goFD, "go ahead")
	if _, err := io.Copy(io.Discard, goAhead); err != nil {
		return fmt.Errorf("cannot wait for the uplink: %w", err)
	}
	return goAhead.Close()
}

// configure lets the node forward packets, and writes the configuration files of its components.
func (s *Supervisor) configure() error {
	// This is the setting of the node's network only.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1\n"), 0o644); err != nil {
		return fmt.Errorf("cannot turn on forwarding: %w", err)
	}
	return s.cluster.WriteFiles()
}

// serveRegistry serves the registry on the host's loopback address and, at the same port, on two addresses of the node: the
// loopback address for containerd, and the address that pods can reach, for controllers that inspect images.
func (s *Supervisor) serveRegistry() error {
	address := fmt.Sprintf("127.0.0.1:%d", s.cluster.RegistryPort)
	forPods := s.cluster.RegistryForPods()
	self := []string{address, fmt.Sprintf("localhost:%d", s.cluster.RegistryPort), forPods}
	handler, err := registry.Open(s.cluster.Dir.Registry(), self)
	if err != nil {
		return err
	}
	onHost, err := inherited(registryFD)
	if err != nil {
		return err
	}
	listeners := []net.Listener{onHost}
	for _, address := range []string{address, forPods} {
		onNode, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("cannot serve the registry: %w", err)
		}
		listeners = append(listeners, onNode)
	}
	for _, listener := range listeners {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		go s.background("registry", func() error { return server.Serve(listener) })
	}
	pause, err := image.FromFile(s.cluster.BinDir+"/localkube-pause", "pause")
	if err != nil {
		return err
	}
	_, err = image.Push(address, component.PauseImage, pause)
	return err
}

// forwardAPI forwards the API server's port on the host to the node.
func (s *Supervisor) forwardAPI() error {
	listener, err := inherited(apiFD)
	if err != nil {
		return err
	}
	go s.background("API forwarder", func() error {
		return network.Forward(listener, s.cluster.APIAddress())
	})
	return nil
}

// serveNames answers the DNS queries of the node and its pods.
func (s *Supervisor) serveNames(ctx context.Context) error {
	client, err := bootstrap.Connect(s.cluster.Dir.Kubeconfig())
	if err != nil {
		return err
	}
	source, err := dns.Watch(ctx, client)
	if err != nil {
		return err
	}
	server := &dns.Server{Source: source}
	for i := range s.cluster.Nameservers {
		file := os.NewFile(uintptr(nameserverFD+i), "name server")
		socket, err := net.FileConn(file)
		_ = file.Close()
		if err != nil {
			return fmt.Errorf("cannot use the inherited socket of a name server: %w", err)
		}
		server.Upstreams = append(server.Upstreams, dns.NewUpstream(socket))
	}
	address := netip.AddrPortFrom(s.cluster.Uplink.Node, dns.Port).String()
	packets, err := net.ListenPacket("udp4", address)
	if err != nil {
		return fmt.Errorf("cannot serve names: %w", err)
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return fmt.Errorf("cannot serve names: %w", err)
	}
	go s.background("name server", func() error { return server.ServePacket(packets) })
	go s.background("name server", func() error { return server.Serve(listener) })
	return nil
}

// background runs a part of the supervisor that should never end, and logs an end.
func (s *Supervisor) background(name string, serve func() error) {
	fmt.Printf("%s %s ended: %v\n", time.Now().Format(time.RFC3339), name, serve())
}

func inherited(fd uintptr) (*net.TCPListener, error) {
	file := os.NewFile(fd, "listener")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("cannot use the inherited listener %d: %w", fd, err)
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("cannot use the inherited listener %d: it is %s", fd, listener.Addr().Network())
	}
	return tcp, nil
}

// pullPause makes containerd pull the image of the sandboxes, so that the first pod does not wait for it. It also checks that
// containerd and the registry work together.
func (s *Supervisor) pullPause(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	connection, err := grpc.NewClient("unix://"+component.ContainerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("cannot reach containerd: %w", err)
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	request := &cri.PullImageRequest{Image: &cri.ImageSpec{Image: component.PauseImage}}
	if _, err := cri.NewImageServiceClient(connection).PullImage(ctx, request); err != nil {
		return fmt.Errorf("cannot pull image %q: %w", component.PauseImage, err)
	}
	return nil
}
