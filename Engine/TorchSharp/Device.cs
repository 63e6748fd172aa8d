using Prisma.Engine;

namespace TorchSharp;

public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
    MPS = 13,
    META = 14,
}

public static partial class torch
{
    public static readonly Device CPU = new(DeviceType.CPU, -1);
    public static readonly Device META = new(DeviceType.META, -1);

    public static Device CUDA { get; } = new(DeviceType.CUDA, -1);

    public static Device device(string description) => new(description);

    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    public static bool cuda_is_available() => cuda.is_available();

    /// <summary>Where a tensor lives: "cpu", "cuda" or "cuda:1".</summary>
    public class Device
    {
        public Device(string description)
        {
            var parts = description.Split(':');
            type = parts[0].ToLowerInvariant() switch
            {
                "cpu" => DeviceType.CPU,
                "cuda" => DeviceType.CUDA,
                "mps" => DeviceType.MPS,
                "meta" => DeviceType.META,
                _ => throw new ArgumentException($"Unknown device type '{parts[0]}': expected cpu, cuda, cuda:N or meta.", nameof(description)),
            };
            if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], out _)))
                throw new ArgumentException($"'{description}' is no device: expected cpu, cuda, cuda:N or meta.", nameof(description));
            index = parts.Length == 2 ? int.Parse(parts[1]) : -1;
        }

        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = index;
        }

        public DeviceType type { get; }
        public int index { get; }

        // The shim's packing: type | index << 8.
        internal long Packed => ((long)type & 0xff) | ((long)index << 8);
        internal static Device Unpack(long packed) => new((DeviceType)(packed & 0xff), (int)(packed >> 8));

        public static implicit operator Device(string description) => new(description);

        public override string ToString() => type.ToString().ToLowerInvariant() + (index >= 0 ? $":{index}" : "");
    }

    public static class cuda
    {
        public static bool is_available() => NativeTorch.prisma_cuda_is_available() != 0;

        public static int device_count() => NativeTorch.prisma_cuda_device_count();

        public static void synchronize(Device? device = null) =>
            NativeTorch.Check(NativeTorch.prisma_cuda_synchronize(device?.index ?? -1), "cuda.synchronize");
    }
}
