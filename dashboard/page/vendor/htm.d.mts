// For the type checker alone; the server does not send it.
import htm from "htm";
export default htm;
