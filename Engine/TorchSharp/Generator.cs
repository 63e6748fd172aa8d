using Prisma.Engine;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A stream of random numbers.</summary>
    public class Generator : IDisposable
    {
        private nint _handle;

        public Generator(ulong seed = 0, Device? device = null)
        {
            this.device = device ?? CPU;
            NativeTorch.Check(NativeTorch.prisma_generator_new(this.device.Packed, (long)seed, out _handle), "Generator");
        }

        private Generator(nint handle)
        {
            device = CPU;
            _handle = handle;
        }

        ~Generator() => Free();

        public static Generator Default
        {
            get
            {
                NativeTorch.Check(NativeTorch.prisma_generator_default(out var handle), "Generator.Default");
                return new Generator(handle);
            }
        }

        public Device device { get; }

        public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(Generator));

        public Generator manual_seed(long seed)
        {
            NativeTorch.Check(NativeTorch.prisma_generator_set_seed(Handle, seed), "manual_seed");
            return this;
        }

        public long initial_seed()
        {
            NativeTorch.Check(NativeTorch.prisma_generator_seed(Handle, out var seed), "initial_seed");
            return seed;
        }

        public Tensor get_state()
        {
            NativeTorch.Check(NativeTorch.prisma_generator_get_state(Handle, out var state), "get_state");
            return new Tensor(state);
        }

        public void set_state(Tensor value)
        {
            NativeTorch.Check(NativeTorch.prisma_generator_set_state(Handle, value.AddRef()), "set_state");
            value.ReleaseRef();
        }

        public void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        private void Free()
        {
            var handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0) NativeTorch.prisma_generator_free(handle);
        }
    }
}
