package lifecycle

import (
	"fmt"
	"io"
	"os"

	"github.com/sluice-ci/sluice/localkube/internal/port"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// choose decides about the ports and networks of the cluster; what an existing cluster has, it keeps.
// The sockets are for a node's supervisor to inherit; without a node there are none in it.
func (o Options) choose(c *state.Cluster, exists bool) (*supervisor.Sockets, error) {
	c.APIOnly, c.APIPort, c.Tuning, c.Supervisor = o.APIOnly, o.APIPort, o.Tuning, state.Process{}
	api, err := port.Listen(c.APIPort)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another with --api-port", err)
	}
	if !c.APIOnly {
		return o.chooseForNode(c, api, exists)
	}
	// The API server binds the port itself; we only wanted to know that it can.
	if err := api.Close(); err != nil {
		return nil, fmt.Errorf("cannot close the listener: %w", err)
	}
	if !exists {
		if c.EtcdPort, err = port.Free(); err != nil {
			return nil, err
		}
	}
	return &supervisor.Sockets{}, nil
}

// socket is what net.TCPListener and net.UDPConn have in common.
type socket interface {
	io.Closer
	File() (*os.File, error)
}

// file takes over the socket.
func file(s socket) (*os.File, error) {
	defer s.Close()
	f, err := s.File()
	if err != nil {
		return nil, fmt.Errorf("cannot hand on a socket: %w", err)
	}
	return f, nil
}
