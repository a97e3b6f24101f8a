package main

import "encoding/json"

// The part of Ignition's configuration (specification 3.1.0) that describes disks.
type ignitionPartition struct {
	Guid               string `json:"guid,omitempty"`
	Label              string `json:"label,omitempty"`
	Number             int    `json:"number,omitempty"`
	Resize             bool   `json:"resize,omitempty"`
	ShouldExist        bool   `json:"shouldExist,omitempty"`
	SizeMiB            int    `json:"sizeMiB,omitempty"`
	StartMiB           int    `json:"startMiB,omitempty"`
	TypeGuid           string `json:"typeGuid,omitempty"`
	WipePartitionEntry bool   `json:"wipePartitionEntry,omitempty"`
}

type ignitionDisk struct {
	Device     string              `json:"device"`
	Partitions []ignitionPartition `json:"partitions,omitempty"`
	WipeTable  bool                `json:"wipeTable,omitempty"`
}

type ignitionFileSystem struct {
	Device         string   `json:"device"`
	Format         string   `json:"format,omitempty"`
	Label          string   `json:"label,omitempty"`
	MountOptions   []string `json:"mountOptions,omitempty"`
	Options        []string `json:"options,omitempty"`
	Path           string   `json:"path,omitempty"`
	Uuid           string   `json:"uuid,omitempty"`
	WipeFilesystem bool     `json:"wipeFilesystem,omitempty"`
}

type ignitionConfig struct {
	Ignition struct {
		Version string `json:"version"`
	} `json:"ignition"`
	Storage struct {
		Disks       []ignitionDisk       `json:"disks,omitempty"`
		Filesystems []ignitionFileSystem `json:"filesystems,omitempty"`
	} `json:"storage"`
}

func numberIn(text string) int { return values{"it": text}.number("it") }

// ignition is nothing for a node without disks and file systems.
func ignition(node *Node) (string, error) {
	if len(node.Disks) == 0 && len(node.FileSystems) == 0 {
		return "", nil
	}
	config := ignitionConfig{}
	config.Ignition.Version = "3.1.0"
	for _, disk := range node.DiskList() {
		written := ignitionDisk{Device: disk.id, WipeTable: disk.wipeTable}
		for _, p := range disk.PartitionList() {
			written.Partitions = append(written.Partitions, ignitionPartition{p.Guid, p.id, numberIn(p.Number), p.resize,
				p.shouldExist, numberIn(p.SizeMiB), numberIn(p.StartMiB), p.TypeGuid, p.wipePartitionEntry})
		}
		config.Storage.Disks = append(config.Storage.Disks, written)
	}
	for _, fs := range node.FileSystemList() {
		written := ignitionFileSystem{fs.id, fs.Format, fs.Label, nil, fs.Options, fs.Path, fs.Uuid, fs.wipeFileSystem}
		if fs.MountOptions != "" {
			written.MountOptions = []string{fs.MountOptions}
		}
		config.Storage.Filesystems = append(config.Storage.Filesystems, written)
	}
	text, err := json.Marshal(config)
	return string(text), err
}
