using Prisma.Core;
using Prisma.Sae;

namespace Prisma;

/// <summary>A change of one feature of the coder at one place of a U-net.</summary>
/// <param name="Site">The place that the coder reads.</param>
/// <param name="Edit">The change, in activations.</param>
public sealed record PictureEdit(HookSite Site, FeatureEdit Edit);
