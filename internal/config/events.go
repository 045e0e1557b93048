package config

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// EventsName is the ConfigMap of the CloudEvents about runs.
const EventsName = "config-events"

// Keys of config-events, as in Tekton.
const (
	keySink    = "sink"
	keyFormats = "formats"
)

// formatTekton is the only format of events.
const formatTekton = "tektonv1"

// maxSink is the maximum length of the address of a sink, in bytes.
const maxSink = 2048

const wantSink = "an http or https URL of at most 2048 bytes with a host and without a user name"

func eventsKeys() []string { return []string{keySink, keyFormats} }

// Events has the settings of CloudEvents. With the zero value the sink of config-defaults receives them, if there is one.
type Events struct {
	// Sink is the address that receives the events; empty: that of config-defaults.
	Sink string
	// Refused reports that a setting is invalid: no events are sent, because they could go to the wrong receiver, or in a format
	// that it does not know.
	Refused bool
}

// Sink returns the address that receives CloudEvents about runs; empty if none are sent.
func (c *Config) Sink() string {
	if c.Events.Refused {
		return ""
	}
	return cmp.Or(c.Events.Sink, c.Defaults.EventsSink)
}

// sinkHost returns the scheme and the host of the sink. The rest of an address may be confidential.
func (c *Config) sinkHost() string {
	address, err := url.Parse(c.Sink())
	if err != nil || address.Host == "" {
		return ""
	}
	return address.Scheme + "://" + address.Host
}

// ParseEvents parses the data of the ConfigMap config-events.
func ParseEvents(data map[string]string) (Events, []SettingError) {
	s := &settings{configMap: EventsName, data: data}
	var e Events
	e.Sink = s.sink(keySink, "empty value: no CloudEvents are sent")
	if value, ok := data[keyFormats]; ok {
		formats := entries(value)
		e.Refused = !slices.Contains(formats, formatTekton)
		if e.Refused {
			s.refuse(keyFormats, `a list with "tektonv1", the only format (to send no events, leave out the sink)`,
				"empty list: no CloudEvents are sent")
		}
		for _, format := range formats {
			if format != formatTekton && !e.Refused {
				s.refuseEntry(keyFormats, format, `a format that exists here: the only one is "tektonv1"`)
			}
		}
	}
	e.Refused = e.Refused || e.Sink == "" && strings.TrimSpace(data[keySink]) != ""
	return e, s.problems
}

// sink parses the address of a receiver of events. It returns "" for none and for an invalid one.
func (s *settings) sink(key, used string) string {
	value := strings.TrimSpace(s.data[key])
	if value == "" {
		return ""
	}
	address, err := url.Parse(value)
	if err != nil || len(value) > maxSink || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "" ||
		address.User != nil {
		s.refuseAddress(key, wantSink, used)
		return ""
	}
	return value
}
