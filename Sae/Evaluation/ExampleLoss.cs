using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The loss of each item of a pass: [n] pictures, texts or tokens. Knows the labels of its batch; the caller disposes the result.</summary>
public delegate Tensor ExampleLoss(Recording recording);
