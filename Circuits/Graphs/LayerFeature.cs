namespace Prisma.Circuits;

/// <summary>A feature of the transcoder of a block.</summary>
/// <param name="Layer">The block.</param>
/// <param name="Feature">Its number.</param>
/// <param name="Token">One token; all where null.</param>
public readonly record struct LayerFeature(int Layer, int Feature, int? Token = null);
