package lifecycle

import (
	"fmt"
	"net"
	"os"

	"github.com/sluice-ci/sluice/localkube/internal/port"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// listeners are the sockets on the host's loopback address that a node's supervisor inherits. Without a node there are none.
type listeners struct {
	api, registry *os.File
}

func (l listeners) close() {
	for _, file := range []*os.File{l.api, l.registry} {
		if file != nil {
			file.Close()
		}
	}
}

// choose decides about the ports and networks of the cluster; what an existing cluster has, it keeps.
func (o Options) choose(c *state.Cluster, exists bool) (listeners, error) {
	c.APIOnly, c.APIPort, c.Supervisor = o.APIOnly, o.APIPort, state.Process{}
	api, err := port.Listen(c.APIPort)
	if err != nil {
		return listeners{}, fmt.Errorf("%w; choose another with --api-port", err)
	}
	if !c.APIOnly {
		return o.chooseForNode(c, api, exists)
	}
	// The API server binds the port itself; we only wanted to know that it can.
	if err := api.Close(); err != nil {
		return listeners{}, fmt.Errorf("cannot close the listener: %w", err)
	}
	if !exists {
		if c.EtcdPort, err = port.Free(); err != nil {
			return listeners{}, err
		}
	}
	return listeners{}, nil
}

// file takes over the listener's socket.
func file(l *net.TCPListener) (*os.File, error) {
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("cannot hand on the listener: %w", err)
	}
	return f, nil
}
