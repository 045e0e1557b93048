package lifecycle

import (
	"fmt"
	"io"
	"os"

	"github.com/sluice-ci/sluice/localkube/internal/port"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// choose selects the ports and networks of the cluster. An existing cluster keeps its own. The supervisor of a node inherits
// the returned sockets; without a node there are none.
func (o Options) choose(c *state.Cluster, exists bool) (*supervisor.Sockets, error) {
	c.APIOnly, c.APIPort, c.AuditLog, c.Tuning, c.Supervisor = o.APIOnly, o.APIPort, o.AuditLog, o.Tuning, state.Process{}
	c.NodeLabels = sorted(o.NodeLabels)
	c.Nodes = max(1, o.Nodes)
	api, err := port.Listen(c.APIPort)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another with --api-port", err)
	}
	if !c.APIOnly {
		return o.chooseForNode(c, api, exists)
	}
	// The API server binds the port itself. The listener only checks that the port is free.
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

// socket is the common interface of net.TCPListener and net.UDPConn.
type socket interface {
	io.Closer
	File() (*os.File, error)
}

// file takes the file of the socket.
func file(s socket) (*os.File, error) {
	defer s.Close()
	f, err := s.File()
	if err != nil {
		return nil, fmt.Errorf("cannot pass a socket to the supervisor: %w", err)
	}
	return f, nil
}
