using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>One token through a whole block of a language model in one native call. Addresses are of dense CPU tensors of one type of number.</summary>
internal static partial class BlockKernel
{
    /// <summary>Kinds of norm.</summary>
    internal enum NormKind : long { None = 0, Layer = 1, RootMeanSquare = 2 }

    /// <summary>Activation functions that the kernel has.</summary>
    internal enum ActivationKind : long { Gelu = 0, TanhGelu = 1, QuickGelu = 2, Relu = 3, Silu = 4, Tanh = 5 }

    /// <summary>A norm: γ and β [width], β 0 where there is none.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal record struct Norm(nint Gain, nint Bias, NormKind Kind, double Eps);

    /// <summary>A linear map: [rows, width] and [rows], 0 where there is none.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal record struct Map(nint Matrix, nint Bias, long Rows, long Width);

    /// <summary>The form of a block: what does not change from token to token.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Form
    {
        public long Width, Heads, KeyHeads, HeadWidth, IsHalf;
        public Norm BeforeAttention, OfQueries, OfKeys, AfterAttention, BeforeMlp, AfterMlp;
        public Map Qkv, Out, In, Down;
        public double Scale, Cap;
        public long Window;
        public ActivationKind Activation;
        public long IsGated, IsParallel;
    }

    /// <summary>What belongs to one token: its stream before and after [width], the memory [KH, room, k] with <c>Before</c> tokens, the turns of its position [turned].</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Step
    {
        public nint X, Y, Keys, Values;
        public long Before, Room;
        public nint Cos, Sin;
        public long Turned, Neighbours, Threads;
    }

    /// <summary>Runs the block.</summary>
    /// <exception cref="InsufficientMemoryException">There is not enough memory.</exception>
    /// <exception cref="ArgumentException">Sizes contradict each other.</exception>
    internal static void Run(in Form form, in Step step)
    {
        var status = Token(in form, in step);
        if (status == 2) throw new InsufficientMemoryException("A block over the tokens in memory needs more memory than there is.");
        if (status != 0) throw new ArgumentException($"The parts of a block of width {form.Width} do not fit together behind {step.Before} tokens (status {status}).");
    }

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_block_token")]
    private static partial int Token(in Form form, in Step step);
}
