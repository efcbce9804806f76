import * as React from "react";

type Props = { title: string };

/** A card. */
export const Card: React.FC<Props> = ({ title }) => {
  const onClick = () => console.log(title);
  return <button onClick={onClick}>{title}</button>;
};

export default function App(): JSX.Element {
  return (
    <Card title="one" />
  );
}

export class Boundary extends React.Component<Props> {
  state = { failed: false };

  handle = (error: Error) => {
    this.setState({ failed: true });
  };

  render() {
    return <div>{this.props.children}</div>;
  }
}
