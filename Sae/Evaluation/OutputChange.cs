using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>How far a changed pass is from the plain one, for each item: [n]. The caller disposes the result.</summary>
public delegate Tensor OutputChange(Recording plain, Recording changed);
